package virtuoso

import (
	"context"
	"errors"
	"syscall"

	"strongroom/internal/dbengine"
)

// integrity has Virtuoso read every page of every index, which is what its manual recommends as a check
// (http://docs.openlinksw.com/virtuoso/backup/), and compares what the indexes of the triples hold.
const integrity = `backup '/dev/null';
select case when (select count(*) from DB.DBA.RDF_QUAD table option (index RDF_QUAD))
          = (select count(*) from DB.DBA.RDF_QUAD table option (index RDF_QUAD_POGS)) then 'indexes agree' else signal ('42000', 'the indexes of the triples disagree') end;
`

// Check implements [dbengine.Engine]. A database that is not running is started for it, where nobody reaches it.
func (e *Engine) Check(ctx context.Context, s dbengine.Settings) error {
	if v, running := e.running.Load(s.Dir); running {
		_, err := v.(*server).sql(ctx, integrity)
		return err
	}
	v, err := start(ctx, s)
	if err != nil {
		return err
	}
	_, err = v.sql(ctx, integrity)
	return errors.Join(err, v.process.Stop(ctx, syscall.SIGTERM))
}
