-- One row a board: its head. An append locks it, and so is alone with its board.
CREATE TABLE board (
    no int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL UNIQUE,
    name text NOT NULL,
    incarnation uuid NOT NULL,
    dev boolean NOT NULL,
    epoch bigint NOT NULL,
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    at bigint NOT NULL,
    -- Set while the board is moved here, and after it was moved away.
    mark text
) WITH (fillfactor = 50);

-- One row a board that is owned, and until when. The token is known to its owner alone.
CREATE TABLE owner (
    board_no int PRIMARY KEY,
    token uuid NOT NULL UNIQUE,
    pid bigint NOT NULL,
    program text NOT NULL,
    endpoint text,
    until timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE batch (
    board_no int NOT NULL,
    last bigint NOT NULL,
    first bigint NOT NULL,
    epoch bigint NOT NULL,
    at bigint NOT NULL,
    previous bytea NOT NULL,
    hash bytea NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (board_no, last)
);
ALTER TABLE batch ALTER COLUMN bytes SET STORAGE EXTERNAL;
CREATE INDEX batch_at ON batch (board_no, at, last);

CREATE TABLE artifact (
    board_no int NOT NULL,
    type_no int NOT NULL,
    agent_no int,
    seq bigint NOT NULL,
    at bigint NOT NULL,
    id uuid NOT NULL,
    correlation uuid NOT NULL,
    envelope bytea NOT NULL,
    salt bytea,
    payload bytea,
    -- For the views alone: a program, an operator or the board, where it was no agent that made it.
    producer text,
    -- For the views alone: the tags, a line each; nothing where there are none.
    tags text,
    PRIMARY KEY (board_no, seq)
);
CREATE UNIQUE INDEX artifact_id ON artifact (board_no, id);
CREATE INDEX artifact_correlation ON artifact (board_no, correlation, seq);

-- The part of the log in which a batch has artifacts of a type, or by an agent.
CREATE TABLE stretch (
    board_no int NOT NULL,
    no int NOT NULL,
    last bigint NOT NULL,
    first bigint NOT NULL,
    kind smallint NOT NULL,
    PRIMARY KEY (board_no, kind, no, last)
);

CREATE TABLE tag (
    board_no int NOT NULL,
    tag text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (board_no, tag, seq)
);

CREATE TABLE used_key (
    board_no int NOT NULL,
    key text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (board_no, key)
);

CREATE TABLE content (
    board_no int NOT NULL,
    seq bigint NOT NULL,
    salt bytea NOT NULL,
    hash bytea NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (board_no, seq)
);

CREATE TABLE closed (
    board_no int NOT NULL,
    agent_no int NOT NULL,
    activation bigint NOT NULL,
    correlation uuid NOT NULL,
    ended bigint NOT NULL,
    at bigint NOT NULL,
    input bigint NOT NULL,
    attempts int NOT NULL,
    outcome smallint NOT NULL,
    apart boolean NOT NULL,
    body bytea NOT NULL,
    -- Of what died: why, of what kind of error, like which others, and where its last report lies.
    reason text,
    kind text,
    fingerprint bytea,
    report bigint,
    PRIMARY KEY (board_no, activation)
);
CREATE INDEX closed_input ON closed (board_no, input);
CREATE INDEX closed_apart ON closed (board_no, correlation) WHERE apart;
CREATE INDEX closed_not_done ON closed (board_no, activation) WHERE outcome <> 0;
CREATE INDEX closed_dead ON closed (board_no, correlation) WHERE outcome = 1;

-- What else activations worked on, beside their first input: most have no other.
CREATE TABLE worked_on (
    board_no int NOT NULL,
    input bigint NOT NULL,
    activation bigint NOT NULL,
    PRIMARY KEY (board_no, input, activation)
);

CREATE TABLE cancelled (
    board_no int NOT NULL,
    correlation uuid NOT NULL,
    PRIMARY KEY (board_no, correlation)
);

-- What is behind the numbers of a board. What has it: 0 a type, 1 an agent, 2 a subscription, 3 a
-- dependency. Only the views read it.
CREATE TABLE name (
    board_no int NOT NULL,
    kind smallint NOT NULL,
    no int NOT NULL,
    name text COLLATE "C" NOT NULL,
    version int,
    agent_no int,
    PRIMARY KEY (board_no, kind, no)
);

-- What operators did. Only views read it, and nobody changes it.
CREATE TABLE operation (
    board_no int NOT NULL,
    seq bigint NOT NULL,
    at bigint NOT NULL,
    operator text NOT NULL,
    reason text NOT NULL,
    action text NOT NULL,
    activation bigint,
    correlation uuid,
    agent_no int,
    dependency_no int,
    PRIMARY KEY (board_no, seq)
);

CREATE TABLE snapshot (
    board_no int NOT NULL,
    seq bigint NOT NULL,
    batch_hash bytea NOT NULL,
    state_hash bytea NOT NULL,
    PRIMARY KEY (board_no, seq)
);

CREATE TABLE snapshot_part (
    board_no int NOT NULL,
    seq bigint NOT NULL,
    part int NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (board_no, seq, part)
);
ALTER TABLE snapshot_part ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- Appends a batch with its rows: all, or nothing. Says why not, where it does not continue the log.
CREATE FUNCTION append(
    p_board int, p_first bigint, p_last bigint, p_epoch bigint, p_at bigint,
    p_previous bytea, p_hash bytea, p_bytes bytea, p_earliest bigint,
    p_artifact_seq bigint[], p_artifact_id uuid[], p_artifact_correlation uuid[],
    p_artifact_type int[], p_artifact_agent int[], p_artifact_at bigint[],
    p_artifact_envelope bytea[], p_artifact_salt bytea[], p_artifact_payload bytea[],
    p_artifact_producer text[], p_artifact_tags text[],
    p_stretch_kind smallint[], p_stretch_no int[], p_stretch_last bigint[], p_stretch_first bigint[],
    p_tag text[], p_tag_seq bigint[],
    p_key text[], p_key_seq bigint[],
    p_content_seq bigint[], p_content_salt bytea[], p_content_hash bytea[], p_content_bytes bytea[],
    p_reopened bigint[],
    p_closed bigint[], p_closed_outcome smallint[], p_closed_agent int[], p_closed_correlation uuid[],
    p_closed_body bytea[], p_closed_input bigint[],
    p_closed_ended bigint[], p_closed_at bigint[], p_closed_attempts int[], p_closed_reason text[],
    p_closed_kind text[], p_closed_fingerprint bytea[], p_closed_report bigint[],
    p_worked_on bigint[], p_worked_on_by bigint[],
    p_cancelled uuid[],
    p_names text, p_operations text
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    head board%ROWTYPE;
BEGIN
    UPDATE board b SET seq = p_last, hash = p_hash, at = p_at
    WHERE b.no = p_board AND b.epoch = p_epoch AND b.seq = p_first - 1 AND b.hash = p_previous
        AND (b.seq = 0 OR b.at <= p_earliest);
    IF NOT FOUND THEN
        SELECT * INTO head FROM board b WHERE b.no = p_board;
        RETURN CASE
            WHEN head.no IS NULL THEN 'missing'
            WHEN head.epoch <> p_epoch THEN 'fenced'
            WHEN head.seq <> p_first - 1 OR head.hash <> p_previous THEN 'conflict'
            ELSE 'dated'
        END;
    END IF;
    INSERT INTO batch (board_no, last, first, epoch, at, previous, hash, bytes)
    VALUES (p_board, p_last, p_first, p_epoch, p_at, p_previous, p_hash, p_bytes);
    IF cardinality(p_artifact_seq) > 0 THEN
        INSERT INTO artifact
            (board_no, seq, id, correlation, type_no, agent_no, at, envelope, salt, payload,
             producer, tags)
        SELECT p_board, * FROM unnest(
            p_artifact_seq, p_artifact_id, p_artifact_correlation, p_artifact_type,
            p_artifact_agent, p_artifact_at, p_artifact_envelope, p_artifact_salt,
            p_artifact_payload, p_artifact_producer, p_artifact_tags);
        INSERT INTO stretch (board_no, kind, no, last, first)
        SELECT p_board, * FROM
            unnest(p_stretch_kind, p_stretch_no, p_stretch_last, p_stretch_first);
    END IF;
    IF cardinality(p_tag) > 0 THEN
        INSERT INTO tag (board_no, tag, seq) SELECT p_board, * FROM unnest(p_tag, p_tag_seq);
    END IF;
    IF cardinality(p_key) > 0 THEN
        INSERT INTO used_key (board_no, key, seq) SELECT p_board, * FROM unnest(p_key, p_key_seq)
        ON CONFLICT (board_no, key) DO UPDATE SET seq = excluded.seq;
    END IF;
    IF cardinality(p_content_seq) > 0 THEN
        INSERT INTO content (board_no, seq, salt, hash, bytes)
        SELECT p_board, * FROM
            unnest(p_content_seq, p_content_salt, p_content_hash, p_content_bytes);
    END IF;
    IF cardinality(p_reopened) > 0 THEN
        DELETE FROM closed c WHERE c.board_no = p_board AND c.activation = ANY (p_reopened);
    END IF;
    IF cardinality(p_closed) > 0 THEN
        -- One that belongs to its first input's tree of work is found through that input.
        INSERT INTO closed
            (board_no, activation, outcome, agent_no, correlation, body, input, ended, at, attempts,
             reason, kind, fingerprint, report, apart)
        -- A value, so that each is looked up by itself, whatever the server thinks of the sizes.
        SELECT p_board, u.*, coalesce((
            SELECT a.correlation <> u.correlation FROM artifact a
            WHERE a.board_no = p_board AND a.seq = u.input LIMIT 1), true)
        FROM unnest(
            p_closed, p_closed_outcome, p_closed_agent, p_closed_correlation, p_closed_body,
            p_closed_input, p_closed_ended, p_closed_at, p_closed_attempts, p_closed_reason,
            p_closed_kind, p_closed_fingerprint, p_closed_report)
            AS u (activation, outcome, agent_no, correlation, body, input, ended, at, attempts,
                  reason, kind, fingerprint, report)
        ON CONFLICT (board_no, activation) DO UPDATE SET
            outcome = excluded.outcome, agent_no = excluded.agent_no,
            correlation = excluded.correlation, body = excluded.body, apart = excluded.apart,
            input = excluded.input, ended = excluded.ended, at = excluded.at,
            attempts = excluded.attempts, reason = excluded.reason, kind = excluded.kind,
            fingerprint = excluded.fingerprint, report = excluded.report;
    END IF;
    IF cardinality(p_worked_on) > 0 THEN
        INSERT INTO worked_on (board_no, input, activation)
        SELECT p_board, * FROM unnest(p_worked_on, p_worked_on_by)
        ON CONFLICT DO NOTHING;
    END IF;
    IF cardinality(p_cancelled) > 0 THEN
        INSERT INTO cancelled (board_no, correlation)
        SELECT p_board, * FROM unnest(p_cancelled)
        ON CONFLICT DO NOTHING;
    END IF;
    IF p_names IS NOT NULL THEN
        INSERT INTO name (board_no, kind, no, name, version, agent_no)
        SELECT p_board, n.* FROM json_to_recordset(p_names::json)
            AS n (kind smallint, no int, name text, version int, agent int)
        ON CONFLICT (board_no, kind, no) DO UPDATE SET
            name = excluded.name, version = excluded.version, agent_no = excluded.agent_no;
    END IF;
    IF p_operations IS NOT NULL THEN
        INSERT INTO operation
            (board_no, seq, at, operator, reason, action, activation, correlation, agent_no,
             dependency_no)
        SELECT p_board, o.* FROM json_to_recordset(p_operations::json)
            AS o (seq bigint, at bigint, operator text, reason text, action text,
                  activation bigint, correlation uuid, agent int, dependency int);
    END IF;
    RETURN 'done';
END
$$;
