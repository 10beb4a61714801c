package main

import (
	"crypto/x509"
	"os"
	"strings"

	"afterglow/internal/fault"
	"afterglow/internal/warehouse"
)

// warehouseConfig is where ClickHouse is, as the settings say it; the dials of
// the embedded engine are the caller's to add when no server is named.
func (s settings) warehouseConfig() (warehouse.Config, error) {
	config := warehouse.Config{Database: "afterglow", Server: s.ClickHouse}
	if s.ClickHouse == "" {
		if s.ClickHouseCA != "" || s.ClickHousePasswordFile != "" {
			return config, fault.Invalid("AFTERGLOW_CLICKHOUSE", "is not set, but AFTERGLOW_CLICKHOUSE_CA or AFTERGLOW_CLICKHOUSE_PASSWORD_FILE is: set it, or unset them")
		}
		return config, nil
	}
	var err error
	if config.RootCAs, err = readAuthority(s.ClickHouseCA); err != nil {
		return config, err
	}
	config.Password, err = readPassword(s.ClickHousePasswordFile)
	return config, err
}

// readAuthority reads certificates in PEM; nil when no file is named.
func readAuthority(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.Unavailable("AFTERGLOW_CLICKHOUSE_CA", err, "%s cannot be read", path)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, fault.Invalid("AFTERGLOW_CLICKHOUSE_CA", "%s contains no PEM certificate", path)
	}
	return pool, nil
}

// readPassword reads a file of one line, so that a password stands on no command
// line and in no environment; "" when no file is named.
func readPassword(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fault.Unavailable("AFTERGLOW_CLICKHOUSE_PASSWORD_FILE", err, "%s cannot be read", path)
	}
	password := strings.TrimRight(string(content), "\r\n")
	if password == "" || strings.ContainsAny(password, "\r\n") {
		return "", fault.Invalid("AFTERGLOW_CLICKHOUSE_PASSWORD_FILE", "%s must hold the password on one line", path)
	}
	return password, nil
}
