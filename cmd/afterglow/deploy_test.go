package main

import (
	"encoding/xml"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

// composition is what of docker-compose.yml is held to.
type composition struct {
	Services map[string]composedService `yaml:"services"`
	Volumes  map[string]any             `yaml:"volumes"`
	Networks map[string]struct {
		Internal bool `yaml:"internal"`
	} `yaml:"networks"`
}

type composedService struct {
	Image       string                           `yaml:"image"`
	Build       struct{ Context, Target string } `yaml:"build"`
	User        string                           `yaml:"user"`
	Environment map[string]string                `yaml:"environment"`
	Volumes     []string                         `yaml:"volumes"`
	Ports       []string                         `yaml:"ports"`
	Networks    []string                         `yaml:"networks"`
	NetworkMode string                           `yaml:"network_mode"`
	Restart     string                           `yaml:"restart"`
	ReadOnly    bool                             `yaml:"read_only"`
	CapDrop     []string                         `yaml:"cap_drop"`
	SecurityOpt []string                         `yaml:"security_opt"`
	DependsOn   map[string]struct {
		Condition string `yaml:"condition"`
	} `yaml:"depends_on"`
	Healthcheck struct {
		Test []string `yaml:"test"`
	} `yaml:"healthcheck"`
}

func shipped(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(append([]string{clone(t)}, path...)...))
	require.NoError(t, err)
	return string(content)
}

func composed(t *testing.T) composition {
	t.Helper()
	var c composition
	require.NoError(t, yaml.Unmarshal([]byte(shipped(t, "docker-compose.yml")), &c))
	require.Len(t, c.Services, 3)
	return c
}

// instruction is a line of a Dockerfile, continuations joined.
type instruction struct{ stage, word, rest string }

func dockerfile(t *testing.T) []instruction {
	t.Helper()
	text := regexp.MustCompile(`(?m)^\s*#.*\n`).ReplaceAllString(shipped(t, "Dockerfile"), "")
	text = strings.ReplaceAll(text, "\\\n", " ")
	var list []instruction
	stage := ""
	for line := range strings.Lines(text) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word == "" {
			continue
		}
		rest = strings.TrimSpace(rest)
		if word == "FROM" {
			_, name, named := strings.Cut(rest, " AS ")
			require.True(t, named, "a stage has a name: %s", line)
			stage = name
		}
		list = append(list, instruction{stage, word, rest})
	}
	return list
}

func theOne(t *testing.T, list []instruction, stage, word string) string {
	t.Helper()
	var found []string
	for _, i := range list {
		if i.stage == stage && i.word == word {
			found = append(found, i.rest)
		}
	}
	require.Len(t, found, 1, "%s of stage %s", word, stage)
	return found[0]
}

var imageWithTag = regexp.MustCompile(`^[a-z0-9][a-z0-9/_-]*:[a-z0-9][a-z0-9._-]*$`)

func TestImagesAreNamedWithATag(t *testing.T) {
	stages := map[string]bool{}
	for _, i := range dockerfile(t) {
		if i.word == "FROM" {
			image, name, _ := strings.Cut(i.rest, " AS ")
			require.Regexp(t, imageWithTag, image)
			require.NotContains(t, image, ":latest")
			stages[name] = true
		}
	}
	for name, s := range composed(t).Services {
		require.Regexp(t, imageWithTag, s.Image, name)
		require.NotContains(t, s.Image, ":latest")
		if s.Build.Context != "" {
			require.True(t, stages[s.Build.Target], "service %s is built from stage %q of the Dockerfile", name, s.Build.Target)
		}
	}
	library := regexp.MustCompile(`"@chdb/lib-linux-x64-gnu": "(\d+\.\d+)\.`).FindStringSubmatch(shipped(t, "package.json"))
	require.Equal(t, "clickhouse/clickhouse-server:"+library[1], composed(t).Services["clickhouse"].Image, "the server is of the library's version")
}

// knownSettings are the program's settings as its own command line has them.
func knownSettings(t *testing.T) []string {
	t.Helper()
	parser, err := kong.New(&cli{})
	require.NoError(t, err)
	var names []string
	for _, flag := range parser.Model.Flags {
		names = append(names, flag.Envs...)
	}
	return names
}

func TestEverySettingThatIsNamedExists(t *testing.T) {
	known := knownSettings(t)
	require.Contains(t, known, "AFTERGLOW_CLICKHOUSE_CA")
	named := regexp.MustCompile(`AFTERGLOW_[A-Z_]*[A-Z]`)
	for _, path := range []string{"Dockerfile", "docker-compose.yml", "deploy/afterglow.service", "docs/operations.md", "README.md"} {
		for _, name := range named.FindAllString(shipped(t, path), -1) {
			require.Contains(t, known, name, path)
		}
	}
	for _, name := range known {
		require.Contains(t, shipped(t, "docs/operations.md"), name, "every setting is explained")
	}
}

func TestWhatTheContainersMountExists(t *testing.T) {
	c := composed(t)
	used := map[string]bool{}
	for name, s := range c.Services {
		for _, volume := range s.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			if strings.HasPrefix(source, "./") {
				require.FileExists(t, filepath.Join(clone(t), source), name)
				require.True(t, strings.HasSuffix(volume, ":ro"), "%s: a file of ours is mounted to be read", volume)
				continue
			}
			require.Contains(t, c.Volumes, source, name)
			used[source] = true
		}
		for _, network := range s.Networks {
			require.Contains(t, c.Networks, network, name)
		}
	}
	for volume := range c.Volumes {
		require.True(t, used[volume], "volume %s is used", volume)
	}
	ignored := lines(shipped(t, ".dockerignore"))
	for _, i := range dockerfile(t) {
		if i.word != "COPY" || strings.HasPrefix(i.rest, "--from") {
			continue
		}
		for _, source := range strings.Fields(i.rest)[:len(strings.Fields(i.rest))-1] {
			_, err := os.Stat(filepath.Join(clone(t), source))
			require.NoError(t, err, "COPY %s", i.rest)
			require.NotContains(t, ignored, source)
		}
	}
	for _, secret := range []string{"*.key", ".env", ".git", "afterglow-data", ".demo"} {
		require.Contains(t, ignored, secret)
	}
}

func TestPortsAndAddressesAgree(t *testing.T) {
	list, c := dockerfile(t), composed(t)
	server := c.Services["afterglow"]
	port := theOne(t, list, "runtime", "EXPOSE")
	require.Equal(t, []string{"127.0.0.1:" + port + ":" + port}, server.Ports, "this machine only")
	require.Equal(t, "0.0.0.0:"+port, server.Environment["AFTERGLOW_LISTEN"])
	require.Contains(t, theOne(t, list, "runtime", "ENV"), "AFTERGLOW_LISTEN=0.0.0.0:"+port)
	require.Contains(t, server.Environment["AFTERGLOW_URL"], "http://localhost:"+port, "links fit the published port until a proxy is in front")
	require.Empty(t, c.Services["clickhouse"].Ports)
	require.Empty(t, c.Services["secrets"].Ports)

	address, err := url.Parse(server.Environment["AFTERGLOW_CLICKHOUSE"])
	require.NoError(t, err)
	require.Equal(t, "clickhouse", address.Hostname(), "the service's name")
	require.Equal(t, "true", address.Query().Get("secure"))
	require.Contains(t, shipped(t, "deploy", "clickhouse", "config.xml"), "<tcp_port_secure>"+address.Port()+"</tcp_port_secure>")
	require.Contains(t, shipped(t, "deploy", "make-secrets.sh"), "<port>"+address.Port()+"</port>")
	require.Contains(t, shipped(t, "deploy", "make-secrets.sh"), "DNS:"+address.Hostname())
	require.Contains(t, shipped(t, "deploy", "clickhouse", "users.xml"), "<"+address.User.Username()+">")
	require.True(t, c.Networks["store"].Internal)
	require.Equal(t, []string{"store"}, c.Services["clickhouse"].Networks)
}

// The owners that the one-shot service gives the files to are who reads them.
func TestTheSecretsBelongToTheirReaders(t *testing.T) {
	script, c := shipped(t, "deploy", "make-secrets.sh"), composed(t)
	require.Contains(t, script, "CLICKHOUSE_OWNER="+c.Services["clickhouse"].User)
	require.Contains(t, script, "AFTERGLOW_OWNER="+theOne(t, dockerfile(t), "runtime", "USER"))
	for _, owner := range []string{c.Services["clickhouse"].User, theOne(t, dockerfile(t), "runtime", "USER")} {
		require.NotContains(t, []string{"0", "0:0", "root"}, owner)
	}
	for _, name := range []string{"clickhouse", "afterglow"} {
		require.Equal(t, "service_completed_successfully", c.Services[name].DependsOn["secrets"].Condition)
	}
	for service, name := range map[string]string{"clickhouse": "afterglow-secrets", "afterglow": "clickhouse-secrets"} {
		for _, volume := range c.Services[service].Volumes {
			require.NotContains(t, volume, name+":", "%s does not see the other's secrets", service)
		}
	}
}

func TestHealthAndConfinementOfTheContainers(t *testing.T) {
	c := composed(t)
	program := strings.Trim(strings.Split(strings.Trim(theOne(t, dockerfile(t), "runtime", "ENTRYPOINT"), "[]"), ",")[0], `"`)
	require.Contains(t, theOne(t, dockerfile(t), "runtime", "HEALTHCHECK"), `CMD ["`+program+`", "healthz"]`)
	require.Equal(t, []string{"CMD", program, "healthz"}, c.Services["afterglow"].Healthcheck.Test)
	require.NotEmpty(t, c.Services["clickhouse"].Healthcheck.Test)
	require.Equal(t, "none", c.Services["secrets"].NetworkMode)
	require.Equal(t, "no", c.Services["secrets"].Restart)
	for name, s := range c.Services {
		require.Contains(t, s.SecurityOpt, "no-new-privileges:true", name)
	}
	require.True(t, c.Services["afterglow"].ReadOnly)
	require.Equal(t, []string{"ALL"}, c.Services["afterglow"].CapDrop)
}

// No file that is shipped for running it holds a secret, or a command that would
// show one to whoever lists processes.
func TestSR75_NoSecretStandsInTheDeployment(t *testing.T) {
	literal := regexp.MustCompile(`(?i)(password|secret|token|key)\w*\s*[:=]\s*["']?[A-Za-z0-9][A-Za-z0-9+/]{7,}["']?\s*$`)
	inAddress := regexp.MustCompile(`://[^/\s:@]+:[^/\s@]+@`)
	onCommandLine := regexp.MustCompile(`--password|-passin pass:|-p\s*\$`)
	for _, path := range []string{"Dockerfile", "docker-compose.yml", "deploy/afterglow.service", "deploy/make-secrets.sh", "deploy/clickhouse/config.xml", "deploy/clickhouse/users.xml"} {
		for line := range strings.Lines(shipped(t, path)) {
			require.NotRegexp(t, literal, line, path)
			require.NotRegexp(t, inAddress, line, path)
			require.NotRegexp(t, onCommandLine, line, path)
		}
	}
	for name, s := range composed(t).Services {
		for variable, value := range s.Environment {
			if strings.Contains(variable, "PASSWORD") || strings.Contains(variable, "KEY") {
				require.True(t, strings.HasPrefix(value, "/"), "%s of %s names a file", variable, name)
			}
		}
	}
}

func TestTheClickHouseFilesAreWellFormed(t *testing.T) {
	for _, name := range []string{"config.xml", "users.xml"} {
		var into struct{ XMLName xml.Name }
		require.NoError(t, xml.Unmarshal([]byte(shipped(t, "deploy", "clickhouse", name)), &into))
		require.Equal(t, "clickhouse", into.XMLName.Local)
	}
	require.Contains(t, shipped(t, "deploy", "clickhouse", "users.xml"), `<default remove="remove"/>`)
	for _, plain := range []string{"http_port", "tcp_port", "mysql_port", "postgresql_port", "interserver_http_port"} {
		require.Contains(t, shipped(t, "deploy", "clickhouse", "config.xml"), "<"+plain+` remove="remove"/>`)
	}
}

// The unit is strict, but leaves the engine's process what it confines itself with.
func TestTheUnitIsHardened(t *testing.T) {
	unit := lines(shipped(t, "deploy", "afterglow.service"))
	for _, line := range []string{
		"User=afterglow", "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "CapabilityBoundingSet=",
		"StateDirectoryMode=0700", "UMask=0077", "KillMode=mixed", "MemoryMax=75%", "RestrictNamespaces=user net", "SystemCallFilter=@system-service seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self",
		"RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6", "Environment=AFTERGLOW_LISTEN=127.0.0.1:8080",
	} {
		require.True(t, slices.Contains(unit, line), line)
	}
	for _, line := range unit {
		require.False(t, strings.HasPrefix(line, "MemoryDenyWriteExecute=yes") || strings.HasPrefix(line, "ProcSubset="), line)
	}
}
