package warehouse_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"afterglow/internal/fault"
	"afterglow/internal/testkit/warehousetest"
	"afterglow/internal/warehouse"
	"afterglow/internal/warehouse/engine"
	"afterglow/migrations"
)

// authority is a certificate authority of a test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pool        *x509.CertPool
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return authority{certificate, key, pool}
}

// issue gives a server's certificate for a name, valid until a time.
func (a authority) issue(t *testing.T, name string, until time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// secured puts TLS before the test program's ClickHouse and gives its address.
func secured(t *testing.T, config *tls.Config) string {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	connect := warehousetest.Engine(t).Dial(engine.Write)
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				behind, err := connect(t.Context(), "")
				if err != nil {
					return
				}
				defer behind.Close()
				go func() { _, _ = io.Copy(behind, client) }()
				_, _ = io.Copy(client, behind)
			}()
		}
	}()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	return fmt.Sprintf("https://localhost:%s/afterglow?secure=true", port)
}

// A private authority's certificate is taken when that authority is named; every
// other certificate, and TLS before 1.2, is refused.
func TestSR74_AServersCertificateIsChecked(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	later := time.Now().Add(time.Hour)
	for _, c := range []struct {
		name   string
		server *tls.Config
		roots  *x509.CertPool
		says   string
	}{
		{"our authority", &tls.Config{Certificates: []tls.Certificate{ours.issue(t, "localhost", later)}}, ours.pool, ""},
		{"another authority", &tls.Config{Certificates: []tls.Certificate{theirs.issue(t, "localhost", later)}}, ours.pool, "unknown authority"},
		{"no authority named", &tls.Config{Certificates: []tls.Certificate{ours.issue(t, "localhost", later)}}, nil, "unknown authority"},
		{"another name", &tls.Config{Certificates: []tls.Certificate{ours.issue(t, "elsewhere", later)}}, ours.pool, "not localhost"},
		{"expired", &tls.Config{Certificates: []tls.Certificate{ours.issue(t, "localhost", time.Now().Add(-time.Hour))}}, ours.pool, "expired"},
		{"TLS 1.1", &tls.Config{Certificates: []tls.Certificate{ours.issue(t, "localhost", later)}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, ours.pool, "protocol version"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, err := warehouse.New(warehouse.Config{Database: "tls", Server: secured(t, c.server), RootCAs: c.roots})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, w.Close()) })
			err = w.Prepare(t.Context(), migrations.ClickHouse())
			if c.says == "" {
				require.NoError(t, err)
				require.NoError(t, w.Ping(t.Context()))
				return
			}
			require.ErrorContains(t, err, c.says)
		})
	}
}

// What would leave a hop without TLS, or TLS without its check, is refused
// before anything is sent, and no refusal repeats the password.
func TestSR74_AnUnsafeServerAddressIsRefused(t *testing.T) {
	pool := newAuthority(t).pool
	for _, c := range []struct {
		name   string
		config warehouse.Config
		says   string
	}{
		{"plaintext to another machine", warehouse.Config{Server: "clickhouse://u:hunter2@db.example:9000/afterglow"}, "secure=true"},
		{"plaintext HTTP to another machine", warehouse.Config{Server: "http://u:hunter2@192.0.2.7:8123/afterglow"}, "secure=true"},
		{"one of two hosts is another machine", warehouse.Config{Server: "clickhouse://u:hunter2@127.0.0.1:9000,db.example:9000/afterglow"}, "secure=true"},
		{"a check that is switched off", warehouse.Config{Server: "clickhouse://u:hunter2@db.example:9440/afterglow?secure=true&skip_verify=true"}, "skip_verify"},
		{"an authority without TLS", warehouse.Config{Server: "clickhouse://u:hunter2@127.0.0.1:9000/afterglow", RootCAs: pool}, "secure=true"},
		{"two passwords", warehouse.Config{Server: "clickhouse://u:hunter2@127.0.0.1:9000/afterglow", Password: "hunter2"}, "PASSWORD_FILE"},
		{"no address", warehouse.Config{Server: "clickhouse://u:hunter2@db.example:94 40/"}, "not an address"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.config.Database = "afterglow"
			_, err := warehouse.New(c.config)
			require.True(t, fault.Is(err, fault.KindInvalid), "%v", err)
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}
