-- potctl's own schema, version 1: the journal of all changes made with potctl. The application's tables get no new columns.
-- Every change appends one row in its own transaction; the hash of each row covers the previous row.
CREATE SCHEMA potctl;
REVOKE ALL ON SCHEMA potctl FROM PUBLIC;

CREATE TABLE potctl.schema_version (
  version integer PRIMARY KEY,
  installed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  installed_by text NOT NULL DEFAULT session_user
);
INSERT INTO potctl.schema_version (version) VALUES (1);

CREATE TABLE potctl.journal (
  seq bigint PRIMARY KEY,
  at timestamptz NOT NULL,
  db_role text NOT NULL,          -- session_user, set by the server: authenticated
  operator text NOT NULL,         -- given by the caller: only claimed
  action text NOT NULL,
  target text,
  reason text NOT NULL,
  ticket text,
  status text NOT NULL,
  run_id text,
  trace_id text,
  details jsonb NOT NULL DEFAULT '{}',
  prev_hash bytea NOT NULL UNIQUE, -- UNIQUE: two rows after the same one would fork the chain
  hash bytea NOT NULL
);
CREATE INDEX journal_target ON potctl.journal (target, seq DESC);

-- A single row. Every append locks it, so that the entries have one order.
CREATE TABLE potctl.journal_head (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  seq bigint NOT NULL,
  hash bytea NOT NULL
);
INSERT INTO potctl.journal_head (seq, hash) VALUES (0, '\x00');

-- Prefixes a text with its length, so that adjacent fields cannot be confused; NULL differs from an empty text.
CREATE FUNCTION potctl.lp(t text) RETURNS bytea LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
  SELECT CASE WHEN t IS NULL THEN '\xffffffff'::bytea
              ELSE int4send(octet_length(convert_to(t, 'UTF8'))) || convert_to(t, 'UTF8') END
$$;

CREATE FUNCTION potctl.row_hash(r potctl.journal) RETURNS bytea LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT sha256('\x706f7463746c01'::bytea || int8send(r.seq)
    || potctl.lp(to_char(r.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
    || potctl.lp(r.db_role) || potctl.lp(r.operator) || potctl.lp(r.action) || potctl.lp(r.target) || potctl.lp(r.reason)
    || potctl.lp(r.ticket) || potctl.lp(r.status) || potctl.lp(r.run_id) || potctl.lp(r.trace_id)
    || potctl.lp(r.details::text) || r.prev_hash)
$$;

-- The only function that appends. It uses session_user, because current_user is the owner here.
CREATE FUNCTION potctl.audit_append(p_operator text, p_action text, p_target text, p_reason text, p_ticket text,
                                    p_status text, p_run_id text, p_trace_id text, p_details jsonb)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  head potctl.journal_head;
  r potctl.journal;
BEGIN
  IF coalesce(btrim(p_reason), '') = '' THEN
    RAISE EXCEPTION 'a reason is required' USING ERRCODE = '22023';
  END IF;
  SELECT * INTO STRICT head FROM potctl.journal_head WHERE one FOR UPDATE;
  r.seq := head.seq + 1;
  r.at := clock_timestamp();
  r.db_role := session_user;
  r.operator := p_operator;
  r.action := p_action;
  r.target := p_target;
  r.reason := p_reason;
  r.ticket := p_ticket;
  r.status := p_status;
  r.run_id := p_run_id;
  r.trace_id := p_trace_id;
  r.details := coalesce(p_details, '{}');
  r.prev_hash := head.hash;
  r.hash := potctl.row_hash(r);
  INSERT INTO potctl.journal SELECT r.*;
  UPDATE potctl.journal_head SET seq = r.seq, hash = r.hash WHERE one;
  RETURN r.seq;
END $$;
REVOKE ALL ON FUNCTION potctl.audit_append(text, text, text, text, text, text, text, text, jsonb) FROM PUBLIC;

CREATE FUNCTION potctl.journal_refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  RAISE EXCEPTION 'potctl.journal is append-only (% refused)', TG_OP USING ERRCODE = '42501';
END $$;
CREATE TRIGGER journal_keep_rows BEFORE UPDATE OR DELETE ON potctl.journal
  FOR EACH ROW EXECUTE FUNCTION potctl.journal_refuse();
CREATE TRIGGER journal_keep_all BEFORE TRUNCATE ON potctl.journal
  FOR EACH STATEMENT EXECUTE FUNCTION potctl.journal_refuse();
-- ALWAYS, so that session_replication_role = replica does not bypass them.
ALTER TABLE potctl.journal ENABLE ALWAYS TRIGGER journal_keep_rows;
ALTER TABLE potctl.journal ENABLE ALWAYS TRIGGER journal_keep_all;
