package analyze

var decayKinds = []kind{}
