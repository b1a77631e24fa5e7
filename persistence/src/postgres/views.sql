
-- What operators did is not changed by anybody, whoever owns the tables, until their board is gone:
-- whoever removes a board removes its row first, and then everything else of it.
CREATE FUNCTION keep_operation() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'DELETE' AND NOT EXISTS (SELECT 1 FROM board b WHERE b.no = OLD.board_no) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'what operators did is never changed: % of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation',
              HINT = 'It goes with its board: artel board rm.';
END
$$;
CREATE TRIGGER operation_kept BEFORE UPDATE OR DELETE ON operation
    FOR EACH ROW EXECUTE FUNCTION keep_operation();
CREATE TRIGGER operation_kept_whole BEFORE TRUNCATE ON operation
    FOR EACH STATEMENT EXECUTE FUNCTION keep_operation();

-- The work that is open, as of a seq that the log had a moment ago: the owner brings it up to date.
CREATE TABLE open_work (
    board_no int NOT NULL,
    subscription_no int NOT NULL,
    activation bigint NOT NULL,
    input bigint NOT NULL,
    correlation uuid NOT NULL,
    opened bigint NOT NULL,
    attempts int NOT NULL,
    agent_no int,
    began bigint,
    deadline bigint,
    not_before bigint,
    PRIMARY KEY (board_no, activation)
) WITH (fillfactor = 80);

CREATE TABLE shown (
    board_no int PRIMARY KEY,
    seq bigint NOT NULL,
    at timestamptz NOT NULL
) WITH (fillfactor = 50);

-- Goes on with what is shown of the open work, from one seq to a later one; false where somebody else
-- did. What is lost of it with the server is done again, so nothing waits for the disk.
CREATE FUNCTION show(
    p_board int, p_from bigint, p_to bigint,
    p_gone bigint[],
    p_opened bigint[], p_subscription int[], p_input bigint[], p_correlation uuid[], p_at bigint[],
    p_changed bigint[], p_attempts int[], p_agent int[], p_began bigint[], p_deadline bigint[],
    p_not_before bigint[]
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    IF p_from = 0 THEN
        INSERT INTO shown (board_no, seq, at) VALUES (p_board, 0, clock_timestamp())
        ON CONFLICT DO NOTHING;
    END IF;
    UPDATE shown s SET seq = p_to, at = clock_timestamp()
    WHERE s.board_no = p_board AND s.seq = p_from;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM open_work o WHERE o.board_no = p_board AND o.activation = ANY (p_gone);
    INSERT INTO open_work
        (board_no, activation, subscription_no, input, correlation, opened, attempts)
    SELECT p_board, u.*, 0
    FROM unnest(p_opened, p_subscription, p_input, p_correlation, p_at) AS u
    ON CONFLICT (board_no, activation) DO UPDATE SET opened = excluded.opened;
    UPDATE open_work o SET attempts = u.attempts, agent_no = u.agent_no, began = u.began,
        deadline = u.deadline, not_before = u.not_before
    FROM unnest(p_changed, p_attempts, p_agent, p_began, p_deadline, p_not_before)
        AS u (activation, attempts, agent_no, began, deadline, not_before)
    WHERE o.board_no = p_board AND o.activation = u.activation;
    RETURN true;
END
$$;

-- A time of the tables, which count milliseconds, for people.
CREATE FUNCTION moment(p_at bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
    $$ SELECT timestamptz 'epoch' + p_at * interval '1 millisecond' $$;

-- Stored JSON as JSONB; nothing where that cannot hold it.
CREATE FUNCTION as_json(p_bytes bytea) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    text text := convert_from(p_bytes, 'UTF8');
BEGIN
    -- A block that may fail costs a transaction of its own, so only what may fail has one.
    IF strpos(text, '\u0000') = 0 THEN
        RETURN text::jsonb;
    END IF;
    BEGIN
        RETURN text::jsonb;
    EXCEPTION WHEN untranslatable_character THEN
        RETURN NULL;
    END;
END
$$;

CREATE VIEW artifacts AS
SELECT b.key AS board, a.seq, a.id, t.name AS type, t.version,
    coalesce(a.producer, 'agent:' || g.name) AS producer, a.correlation,
    coalesce(string_to_array(a.tags, E'\n'), '{}') AS tags, moment(a.at) AS at,
    as_json(a.payload) AS payload, convert_from(a.payload, 'UTF8') AS payload_text
FROM artifact a
JOIN board b ON b.no = a.board_no
LEFT JOIN name t ON t.board_no = a.board_no AND t.kind = 0 AND t.no = a.type_no
LEFT JOIN name g ON g.board_no = a.board_no AND g.kind = 1 AND g.no = a.agent_no;

CREATE VIEW finished_work AS
SELECT b.key AS board, c.activation, g.name AS agent,
    CASE c.outcome WHEN 0 THEN 'done' WHEN 1 THEN 'dead' WHEN 2 THEN 'cancelled'
        WHEN 3 THEN 'dropped' WHEN 4 THEN 'expired' END AS outcome,
    c.reason, c.correlation, c.input, c.attempts, c.ended AS ended_seq, moment(c.at) AS ended_at
FROM closed c
JOIN board b ON b.no = c.board_no
LEFT JOIN name g ON g.board_no = c.board_no AND g.kind = 1 AND g.no = c.agent_no;

CREATE VIEW dead_letters AS
SELECT b.key AS board, c.activation, g.name AS agent, c.reason, c.kind,
    encode(c.fingerprint, 'hex') AS fingerprint, c.correlation, c.input, c.attempts,
    c.ended AS died_seq, moment(c.at) AS died_at, as_json(r.bytes) AS report
FROM closed c
JOIN board b ON b.no = c.board_no
LEFT JOIN name g ON g.board_no = c.board_no AND g.kind = 1 AND g.no = c.agent_no
LEFT JOIN content r ON r.board_no = c.board_no AND r.seq = c.report
WHERE c.outcome = 1;

CREATE VIEW operator_audit AS
SELECT b.key AS board, o.seq, moment(o.at) AS at, o.operator, o.action, o.reason, o.activation,
    o.correlation, g.name AS agent, d.name AS dependency
FROM operation o
JOIN board b ON b.no = o.board_no
LEFT JOIN name g ON g.board_no = o.board_no AND g.kind = 1 AND g.no = o.agent_no
LEFT JOIN name d ON d.board_no = o.board_no AND d.kind = 3 AND d.no = o.dependency_no;

CREATE VIEW agenda AS
SELECT b.key AS board, o.activation, g.name AS agent, s.name AS types, o.correlation, o.input,
    o.attempts, moment(o.opened) AS opened_at, moment(o.not_before) AS not_before,
    v.seq AS as_of_seq, v.at AS as_of, b.seq - v.seq AS behind
FROM open_work o
JOIN board b ON b.no = o.board_no
JOIN shown v ON v.board_no = o.board_no
LEFT JOIN name s ON s.board_no = o.board_no AND s.kind = 2 AND s.no = o.subscription_no
LEFT JOIN name g ON g.board_no = o.board_no AND g.kind = 1 AND g.no = s.agent_no
WHERE o.began IS NULL;

CREATE VIEW attempts AS
SELECT b.key AS board, o.activation, o.attempts AS attempt, g.name AS agent, s.name AS types,
    o.correlation, o.input, moment(o.began) AS began_at, moment(o.deadline) AS deadline,
    v.seq AS as_of_seq, v.at AS as_of, b.seq - v.seq AS behind
FROM open_work o
JOIN board b ON b.no = o.board_no
JOIN shown v ON v.board_no = o.board_no
LEFT JOIN name s ON s.board_no = o.board_no AND s.kind = 2 AND s.no = o.subscription_no
LEFT JOIN name g ON g.board_no = o.board_no AND g.kind = 1
    AND g.no = coalesce(o.agent_no, s.agent_no)
WHERE o.began IS NOT NULL;
