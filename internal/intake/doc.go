// Package intake accepts submissions and ships the journal to the warehouse.
// Floor: service.
//
// It must not compute statistics or know a page: it checks, scores, raises,
// writes, and hands on.
//
// The registry's journal is authoritative; the warehouse is a copy that can be
// thrown away. A submission moves like this:
//
//		 sent ──► received ──► journaled ──► shipped
//		             │             │            ▲
//		             ▼             └─ outbox ───┘  (again after every failure,
//		          refused                           same rows, same token)
//		       (with a reason)
//
//	  - received: the key, the link, the instrument's exact version and every
//	    answer are checked, the answers scored, the safety rules evaluated. Nothing
//	    is promised yet.
//	  - refused: the sender is told why; the reason is counted by day. A key that
//	    comes back with another body, and an occasion that is not open, also leave
//	    an audit event.
//	  - journaled: journal row, occasion, alerts, outbox and audit event are on disk
//	    in one transaction that many senders share. Only now there is a receipt.
//	    The same key with the same body gets the same receipt for ever.
//	  - shipped: the warehouse said that the batch is on its disk, and the outbox
//	    rows are gone. A batch's rows are recorded before its first attempt, so an
//	    attempt after a crash is the same batch, which the warehouse takes once.
//
// An unfinished form lives in a draft. A sweep looks at drafts that nobody has
// touched for IdleBeforeSweep and raises what they already show.
package intake
