package warehouse

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"afterglow/internal/fault"
)

type pool int

const (
	writePool pool = iota
	readPool
)

const defaultReadLimit = 30 * time.Second

// options gives the driver's options for one pool. The embedded engine has its
// limits on the pool's own connections; on a server they are settings that the
// read pool sends, readonly=2 among them, so that no statement can lift them.
func options(c Config, database string, p pool) *clickhouse.Options {
	if c.Server != "" {
		o, err := serverOptions(c)
		if err != nil {
			return &clickhouse.Options{}
		}
		o.Auth.Database = database
		o.Settings = clickhouse.Settings{}
		applyPool(o, c, p)
		return o
	}
	dial := c.DialWrite
	if p == readPool {
		dial = c.DialRead
	}
	o := &clickhouse.Options{
		Protocol: clickhouse.HTTP,
		// The address is never looked up: DialContext reaches the engine's socket.
		Addr:        []string{"engine.invalid:8123"},
		Auth:        clickhouse.Auth{Database: database, Username: "default"},
		DialContext: func(ctx context.Context, _ string) (net.Conn, error) { return dial(ctx) },
		Settings:    clickhouse.Settings{},
	}
	applyPool(o, c, p)
	return o
}

func applyPool(o *clickhouse.Options, c Config, p pool) {
	o.MaxOpenConns, o.MaxIdleConns = 8, 4
	o.DialTimeout = 5 * time.Second
	o.ReadTimeout = 5 * time.Minute
	if p == writePool {
		// Synchronous inserts: an insert that returned is on disk.
		o.Settings["async_insert"] = 0
		o.Settings["insert_deduplicate"] = 1
		return
	}
	if c.Server == "" {
		return
	}
	limit := c.ReadLimit
	if limit == 0 {
		limit = defaultReadLimit
	}
	o.Settings["readonly"] = 2
	o.Settings["max_execution_time"] = int(limit.Seconds())
}

func serverOptions(c Config) (*clickhouse.Options, error) {
	o, err := clickhouse.ParseDSN(c.Server)
	if err != nil || len(o.Addr) == 0 {
		return nil, fault.Invalid("AFTERGLOW_CLICKHOUSE", "is not an address like clickhouse://user@host:9440/afterglow?secure=true")
	}
	if c.Password != "" {
		if o.Auth.Password != "" {
			return nil, fault.Invalid("AFTERGLOW_CLICKHOUSE_PASSWORD_FILE", "sets a password, but AFTERGLOW_CLICKHOUSE contains one too; remove it from the address")
		}
		o.Auth.Password = c.Password
	}
	if err := secure(c, o); err != nil {
		return nil, err
	}
	return o, nil
}

// secure holds SR-74: TLS 1.2 or later with a certificate that is checked;
// plaintext to this machine only.
func secure(c Config, o *clickhouse.Options) error {
	if o.TLS != nil {
		if o.TLS.InsecureSkipVerify {
			return fault.Invalid("AFTERGLOW_CLICKHOUSE", "must not contain skip_verify; name the server's certificate authority with AFTERGLOW_CLICKHOUSE_CA")
		}
		o.TLS.MinVersion = tls.VersionTLS12
		o.TLS.RootCAs = c.RootCAs
		return nil
	}
	if c.RootCAs != nil {
		return fault.Invalid("AFTERGLOW_CLICKHOUSE_CA", "has no effect without TLS; add secure=true to AFTERGLOW_CLICKHOUSE")
	}
	for _, addr := range o.Addr {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			host = addr
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return fault.Invalid("AFTERGLOW_CLICKHOUSE", "an unencrypted connection is accepted to this machine only; add secure=true")
		}
	}
	return nil
}

func withToken(ctx context.Context, token string) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"insert_deduplication_token": token}))
}
