package engine

// Confinement says what holds the child inside its data folder and off every network. Files and
// Network are tried out by the child itself before it serves, not concluded from what was set.
type Confinement struct {
	// Files: the child can open nothing outside its data folder but libchdb, the system's
	// libraries and what the kernel tells about the process and the machine.
	Files bool `json:"files"`
	// Network: the child can open no connection, TCP or UDP, and no new listener.
	Network bool `json:"network"`
	// Layers are the mechanisms in force.
	Layers []string `json:"layers"`
	// Missing are those that are not, each with its reason.
	Missing []string `json:"missing"`
}

// Holds reports whether the engine's process is confined as it should be.
func (c Confinement) Holds() bool { return c.Files && c.Network }
