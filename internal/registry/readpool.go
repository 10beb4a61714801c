package registry

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
)

// readPool is a bounded number of connections that only read.
type readPool struct {
	db       *sql.DB
	prepared sync.Map // statement text -> *sql.Stmt
}

func openReadPool(c Config) (*readPool, error) {
	db, err := sql.Open(c.Driver, dataSource(c.Path, "query_only(1)"))
	if err != nil {
		return nil, fmt.Errorf("open a read pool: %w", err)
	}
	db.SetMaxOpenConns(readConnections)
	db.SetMaxIdleConns(readConnections)
	return &readPool{db: db}, nil
}

// prepare keeps one statement for each text; database/sql prepares it anew on
// each connection it meets.
func (p *readPool) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if known, ok := p.prepared.Load(query); ok {
		return known.(*sql.Stmt), nil
	}
	stmt, err := p.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare a query: %w", storageFault(err))
	}
	if first, raced := p.prepared.LoadOrStore(query, stmt); raced {
		return first.(*sql.Stmt), stmt.Close()
	}
	return stmt, nil
}
