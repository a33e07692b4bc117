package state

import "context"

// VolumeShape is what ModifyVolume can change of a volume.
type VolumeShape struct {
	SizeGiB     int64
	Type        string
	IOPS        int64
	Throughput  int64
	MultiAttach bool
}

// Shape is the volume's.
func (v Volume) Shape() VolumeShape {
	return VolumeShape{v.SizeGiB, v.Type, v.IOPS, v.Throughput, v.MultiAttach}
}

// VolumeModification is a row of volume_modifications.
type VolumeModification struct {
	VolumeID string
	Number   int64 // counts those of the volume, from 1
	Started  Micros
	Before   VolumeShape
	After    VolumeShape
}

func scanVolumeModification(s scanner) (VolumeModification, error) {
	var m VolumeModification
	var before, after JSON[VolumeShape]
	err := s.Scan(&m.VolumeID, &m.Number, &m.Started, &before, &after)
	m.Before, m.After = before.V, after.V
	return m, err
}

// InsertVolumeModification enters a modification that begins now.
func (tx *Tx) InsertVolumeModification(ctx context.Context, id string, before, after VolumeShape) error {
	_, err := tx.exec(ctx, `INSERT INTO volume_modifications (volume_id, number, started, before, after)
		VALUES ($1, (SELECT COUNT(*) + 1 FROM volume_modifications WHERE volume_id = $1), $2, $3, $4)`,
		id, tx.Now, JSON[VolumeShape]{before}, JSON[VolumeShape]{after})
	return err
}

// VolumeModifications lists those of a volume since a time, the first one first.
func (tx *Tx) VolumeModifications(ctx context.Context, id string, since Micros) ([]VolumeModification, error) {
	return queryAll(ctx, tx, scanVolumeModification, `SELECT volume_id, number, started, before, after
		FROM volume_modifications WHERE volume_id = $1 AND started > $2 ORDER BY number`, id, since)
}

// LatestVolumeModifications are the last ones of an account's volumes in a Region, by volume.
func (tx *Tx) LatestVolumeModifications(ctx context.Context, account, region string) ([]VolumeModification, error) {
	return queryAll(ctx, tx, scanVolumeModification, `SELECT m.volume_id, m.number, m.started, m.before, m.after
		FROM volume_modifications m JOIN volumes v ON v.id = m.volume_id
		WHERE v.account = $1 AND v.region = $2
			AND m.number = (SELECT MAX(number) FROM volume_modifications WHERE volume_id = m.volume_id)
		ORDER BY m.volume_id`, account, region)
}
