package ferretdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"strongroom/internal/dbengine"
	"strongroom/internal/dbengine/front"
)

// serviceadmin is the engine's own user; Amazon DocumentDB's has this name, which is why no master user may have it.
const serviceadmin = "serviceadmin"

// server is a running database: two processes that end together.
type server struct {
	settings      dbengine.Settings
	inner         dbengine.Settings // of the PostgreSQL
	administrator string            // serviceadmin's password
	postgres      dbengine.Server
	gateway       *dbengine.Process
	door          *front.Proxy // nil while nobody is let in

	stopping atomic.Bool
	done     chan struct{}
	err      error // set before done is closed
}

// watch ends one process when the other has ended.
func (v *server) watch() {
	defer close(v.done)
	select {
	case <-v.gateway.Done():
	case <-v.postgres.Done():
	}
	grace, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err := errors.Join(v.gateway.Err(), v.postgres.Err())
	_ = v.gateway.Stop(grace, syscall.SIGTERM)
	_ = v.postgres.Stop(grace)
	if !v.stopping.Load() {
		v.err = err
	}
}

// Done implements [dbengine.Server].
func (v *server) Done() <-chan struct{} { return v.done }

// Err implements [dbengine.Server].
func (v *server) Err() error {
	select {
	case <-v.done:
		return v.err
	default:
		return nil
	}
}

// Stop implements [dbengine.Server].
func (v *server) Stop(ctx context.Context) error {
	v.stopping.Store(true)
	var err error
	if v.door != nil {
		err = v.door.Close()
	}
	err = errors.Join(err, v.gateway.Stop(ctx, syscall.SIGTERM), v.postgres.Stop(ctx))
	<-v.done
	return err
}

func (v *server) dial(ctx context.Context) (net.Conn, error) {
	return dbengine.DialSocket(ctx, v.settings.Path("gateway"), socket)
}

// dialer brings the driver to the socket, whatever address it asks for.
type dialer struct{ v *server }

// DialContext implements [options.Dialer].
func (d dialer) DialContext(ctx context.Context, _, _ string) (net.Conn, error) { return d.v.dial(ctx) }

// authenticationFailed is MongoDB's code for a wrong user or password.
const authenticationFailed = 18

// as does something as a user of the database.
func (v *server) as(ctx context.Context, user, password string, fn func(context.Context, *mongo.Database) error) error {
	client, err := mongo.Connect(options.Client().SetDialer(dialer{v}).SetHosts([]string{"gateway:27017"}).SetDirect(true).
		SetServerSelectionTimeout(10 * time.Second).SetConnectTimeout(10 * time.Second).SetMaxPoolSize(1).
		SetAuth(options.Credential{AuthSource: "admin", AuthMechanism: "SCRAM-SHA-256", Username: user, Password: password}))
	if err != nil {
		return err
	}
	err = fn(ctx, client.Database("admin"))
	var answer mongo.CommandError
	if errors.As(err, &answer) && answer.Code == authenticationFailed {
		err = dbengine.ErrWrongPassword
	}
	return errors.Join(err, client.Disconnect(context.WithoutCancel(ctx)))
}

func ping(ctx context.Context, admin *mongo.Database) error {
	// It is the first command that needs a user.
	return admin.RunCommand(ctx, bson.D{{Key: "listDatabases", Value: 1}, {Key: "nameOnly", Value: true}}).Err()
}

// Ping implements [dbengine.Server].
func (v *server) Ping(ctx context.Context) error {
	return v.as(ctx, v.settings.MasterUsername, v.settings.MasterPassword, ping)
}

// SetMasterPassword implements [dbengine.Server]. A master user that is not there is made.
func (v *server) SetMasterPassword(ctx context.Context, password string) error {
	master := v.settings.MasterUsername
	err := v.as(ctx, serviceadmin, v.administrator, func(ctx context.Context, admin *mongo.Database) error {
		var found struct{ Users []bson.M }
		if err := admin.RunCommand(ctx, bson.D{{Key: "usersInfo", Value: master}}).Decode(&found); err != nil {
			return err
		}
		user := bson.D{{Key: "updateUser", Value: master}, {Key: "pwd", Value: password}}
		if len(found.Users) == 0 {
			user = bson.D{{Key: "createUser", Value: master}, {Key: "pwd", Value: password}, {Key: "roles", Value: bson.A{}}}
		}
		return admin.RunCommand(ctx, user).Err()
	})
	if err != nil {
		return fmt.Errorf("setting the password of %s: %w", master, err)
	}
	return nil
}

// Size implements [dbengine.Server].
func (v *server) Size(ctx context.Context) (int64, error) { return v.postgres.Size(ctx) }

// Backup implements [dbengine.Server].
func (v *server) Backup(ctx context.Context, to dbengine.Sink) error {
	f, err := v.settings.Open(v.settings.Path(secret))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := to.Put(ctx, dbengine.File{Name: secret, Mode: 0o600, Size: info.Size()}, f); err != nil {
		return err
	}
	return v.postgres.Backup(ctx, below{to})
}

// below puts the PostgreSQL's files where they are in this database.
type below struct{ to dbengine.Sink }

// Put implements [dbengine.Sink].
func (b below) Put(ctx context.Context, f dbengine.File, content io.Reader) error {
	f.Name = "postgres/" + f.Name
	return b.to.Put(ctx, f, content)
}
