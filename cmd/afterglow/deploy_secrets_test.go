package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// makeSecrets runs the one-shot service's script on two folders.
func makeSecrets(t *testing.T, server, client string) string {
	t.Helper()
	cmd := exec.Command("/bin/sh", filepath.Join(clone(t), "deploy", "make-secrets.sh"))
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "SERVER_SECRETS=" + server, "CLIENT_SECRETS=" + client}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "the script needs openssl: %s", out)
	return string(out)
}

func content(t *testing.T, path ...string) string {
	t.Helper()
	read, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return string(read)
}

func TestTheOneShotServiceMakesSecretsThatFit(t *testing.T) {
	server, client := t.TempDir(), t.TempDir()
	said := makeSecrets(t, server, client)
	password := content(t, client, "password")
	require.Len(t, password, 64)
	require.NotContains(t, said, password)
	sum := sha256.Sum256([]byte(password))
	require.Contains(t, content(t, server, "include.xml"), hex.EncodeToString(sum[:]))
	require.Contains(t, content(t, server, "client.xml"), password, "the health check signs in as the same user")
	for _, folder := range []string{server, client} {
		entries, err := os.ReadDir(folder)
		require.NoError(t, err)
		for _, entry := range entries {
			info, err := entry.Info()
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o400), info.Mode().Perm(), entry.Name())
			require.NotEqual(t, "ca.key", entry.Name(), "the authority's key is not kept")
		}
	}

	// What the program reads is what the server shows.
	config, err := settings{ClickHouse: "clickhouse://afterglow@clickhouse:9440/afterglow?secure=true",
		ClickHouseCA: filepath.Join(client, "ca.crt"), ClickHousePasswordFile: filepath.Join(client, "password")}.warehouseConfig()
	require.NoError(t, err)
	require.NoError(t, config.Validate())
	require.Equal(t, password, config.Password)
	pair, err := tls.LoadX509KeyPair(filepath.Join(server, "server.crt"), filepath.Join(server, "server.key"))
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(pair.Certificate[0])
	require.NoError(t, err)
	for name, right := range map[string]bool{"clickhouse": true, "localhost": true, "elsewhere": false} {
		_, err := certificate.Verify(x509.VerifyOptions{DNSName: name, Roots: config.RootCAs})
		require.Equal(t, right, err == nil, "%s: %v", name, err)
	}

	// A second start changes nothing.
	certificateBefore := content(t, server, "server.crt")
	require.Empty(t, makeSecrets(t, server, client))
	require.Equal(t, password, content(t, client, "password"))
	require.Equal(t, certificateBefore, content(t, server, "server.crt"))
}
