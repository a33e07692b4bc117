-- +goose Up
CREATE TABLE sqs_queues (
    arn         TEXT PRIMARY KEY,
    account_id  TEXT NOT NULL,
    region      TEXT NOT NULL,
    name        TEXT NOT NULL,
    attributes  TEXT NOT NULL,   -- JSON object: those that were set, by the names of the API
    tags        TEXT NOT NULL,   -- JSON object
    created_at  BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    purged_at   BIGINT NOT NULL, -- 0: never
    dead_letter TEXT NOT NULL,   -- ARN of the queue of its redrive policy, or empty
    UNIQUE (account_id, region, name)
);
CREATE INDEX sqs_queues_by_dead_letter ON sqs_queues (dead_letter, name) WHERE dead_letter <> '';

CREATE TABLE sqs_messages (
    id            TEXT PRIMARY KEY,  -- uuid
    queue_arn     TEXT NOT NULL REFERENCES sqs_queues (arn) ON DELETE CASCADE,
    sequence      BIGINT NOT NULL,   -- order of arrival in the whole store
    body          BYTEA NOT NULL,    -- JSON of body and attributes, sealed
    wrapped_key   BYTEA,             -- data key of body under the queue's KMS key; NULL: sealed under the service's own
    key_arn       TEXT NOT NULL,     -- that KMS key
    sealed_for    TEXT NOT NULL,     -- ARN of the queue that it was sent to: bound into the seal
    sender        TEXT NOT NULL,
    sent_at       BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL,
    visible_at    BIGINT NOT NULL,   -- end of its delay, or of the time for which a receiver has it
    received_at   BIGINT NOT NULL,   -- first receipt; 0: none
    receives      BIGINT NOT NULL,
    receipt       TEXT NOT NULL,     -- nonce of the last receipt
    attempt       TEXT NOT NULL,     -- ReceiveRequestAttemptId of the last receipt
    attempt_at    BIGINT NOT NULL,
    group_id      TEXT NOT NULL,     -- empty unless the sender gave one
    dedup_id      TEXT NOT NULL,
    dead_letter_of TEXT NOT NULL     -- queue from which it was moved to its dead-letter queue, or empty
);
CREATE INDEX sqs_messages_by_queue ON sqs_messages (queue_arn, visible_at, sequence);
CREATE INDEX sqs_messages_by_group ON sqs_messages (queue_arn, group_id, sequence);
CREATE INDEX sqs_messages_by_age ON sqs_messages (expires_at);

-- One row: the last sequence given to a message.
CREATE TABLE sqs_sequence (
    id    BIGINT PRIMARY KEY,
    value BIGINT NOT NULL
);

-- What was sent to FIFO queues in the last five minutes.
CREATE TABLE sqs_deduplications (
    queue_arn  TEXT NOT NULL REFERENCES sqs_queues (arn) ON DELETE CASCADE,
    group_id   TEXT NOT NULL, -- empty where the scope is the queue
    dedup_id   TEXT NOT NULL,
    message_id TEXT NOT NULL,
    sequence   BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (queue_arn, group_id, dedup_id)
);
CREATE INDEX sqs_deduplications_by_age ON sqs_deduplications (expires_at);

-- Tasks that move messages of a dead-letter queue back.
CREATE TABLE sqs_move_tasks (
    id            TEXT PRIMARY KEY, -- uuid
    source_arn    TEXT NOT NULL REFERENCES sqs_queues (arn) ON DELETE CASCADE,
    destination   TEXT NOT NULL,    -- ARN, or empty: to the queues that they came from
    per_second    BIGINT NOT NULL,  -- 0: as fast as it goes
    status        TEXT NOT NULL,    -- RUNNING, COMPLETED, CANCELLING, CANCELLED, FAILED
    failure       TEXT NOT NULL,
    started_at    BIGINT NOT NULL,
    to_move       BIGINT NOT NULL,
    moved         BIGINT NOT NULL
);
CREATE INDEX sqs_move_tasks_by_source ON sqs_move_tasks (source_arn, started_at);
