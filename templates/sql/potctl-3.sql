-- potctl's own schema, version 3. Every function is replaced: pg_temp is last in its path, so that objects planted there by a caller are never
-- found first, and only roles that are granted EXECUTE can run it. A change of somebody's ability to sign in requires a journal entry.
-- Types and functions are qualified. Operators are not: PostgreSQL never looks for them in pg_temp, and pg_catalog is first.
-- No literal contains a backslash, because its meaning depends on a setting of the caller.
INSERT INTO potctl.schema_version (version) VALUES (3);

-- Journal entries that a transaction still has to write. audit_append settles them; a transaction with an open one cannot commit.
CREATE TABLE potctl.journal_due (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tx bigint NOT NULL DEFAULT pg_catalog.txid_current(),
  target pg_catalog.text,               -- NULL: any target
  actions pg_catalog.text[] NOT NULL,   -- one of these
  status pg_catalog.text,               -- NULL: any
  guarded pg_catalog.text               -- why the entry must record details.break_glass; NULL: not required
);
CREATE INDEX journal_due_tx ON potctl.journal_due (tx);

-- The database role that recorded the attempt; NULL before version 3.
ALTER TABLE potctl.mfa_attempt ADD COLUMN db_role pg_catalog.text;
ALTER TABLE potctl.mfa_attempt ALTER COLUMN db_role SET DEFAULT session_user;

-- Prefixes a text with its length, so that adjacent fields cannot be confused; NULL differs from an empty text.
CREATE OR REPLACE FUNCTION potctl.lp(t pg_catalog.text) RETURNS pg_catalog.bytea
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN t IS NULL THEN pg_catalog.decode('ffffffff', 'hex')
              ELSE pg_catalog.int4send(pg_catalog.octet_length(pg_catalog.convert_to(t, 'UTF8'))) || pg_catalog.convert_to(t, 'UTF8') END
$$;

CREATE OR REPLACE FUNCTION potctl.row_hash(r potctl.journal) RETURNS pg_catalog.bytea
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT pg_catalog.sha256(pg_catalog.decode('706f7463746c01', 'hex') || pg_catalog.int8send(r.seq)
    || potctl.lp(pg_catalog.to_char(r.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
    || potctl.lp(r.db_role) || potctl.lp(r.operator) || potctl.lp(r.action) || potctl.lp(r.target) || potctl.lp(r.reason)
    || potctl.lp(r.ticket) || potctl.lp(r.status) || potctl.lp(r.run_id) || potctl.lp(r.trace_id)
    || potctl.lp(r.details::pg_catalog.text) || r.prev_hash)
$$;

-- Records that the transaction must write a journal entry.
CREATE FUNCTION potctl.journal_owe(p_target pg_catalog.text, p_actions pg_catalog.text[], p_status pg_catalog.text, p_guarded pg_catalog.text)
RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO potctl.journal_due (target, actions, status, guarded) VALUES (p_target, p_actions, p_status, p_guarded)
$$;

CREATE FUNCTION potctl.journal_due_refuse() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM potctl.journal_due d WHERE d.id = NEW.id) THEN
    RAISE EXCEPTION 'refused: the journal has no entry of this transaction (% about %)%', pg_catalog.array_to_string(NEW.actions, ' or '),
      coalesce(NEW.target, 'whom it is about'), coalesce('; it must say that a guard was broken, because ' || NEW.guarded, '')
      USING ERRCODE = '42501';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER journal_due_settled AFTER INSERT ON potctl.journal_due
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION potctl.journal_due_refuse();
ALTER TABLE potctl.journal_due ENABLE ALWAYS TRIGGER journal_due_settled;

-- Limits the length of values that are stored forever.
CREATE FUNCTION potctl.check_length(p_what pg_catalog.text, p_value pg_catalog.text, p_most integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF pg_catalog.length(p_value) > p_most THEN
    RAISE EXCEPTION 'the % has % characters, and % are the most', p_what, pg_catalog.length(p_value), p_most USING ERRCODE = '22023';
  END IF;
END $$;

-- The only function that appends. It uses session_user, because current_user is the owner here.
CREATE OR REPLACE FUNCTION potctl.audit_append(p_operator pg_catalog.text, p_action pg_catalog.text, p_target pg_catalog.text,
  p_reason pg_catalog.text, p_ticket pg_catalog.text, p_status pg_catalog.text, p_run_id pg_catalog.text, p_trace_id pg_catalog.text,
  p_details pg_catalog.jsonb)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  head potctl.journal_head;
  r potctl.journal;
  broken boolean;
BEGIN
  IF coalesce(pg_catalog.btrim(p_reason), '') = '' THEN
    RAISE EXCEPTION 'a reason is required' USING ERRCODE = '22023';
  END IF;
  IF coalesce(pg_catalog.btrim(p_operator), '') = '' OR coalesce(p_action, '') !~ '^[a-z0-9_-]+([.][a-z0-9_-]+)+$'
     OR coalesce(p_status, '') NOT IN ('done', 'refused', 'failed') THEN
    RAISE EXCEPTION 'an entry has an operator, an action like mfa.reset, and done, refused or failed as its status' USING ERRCODE = '22023';
  END IF;
  PERFORM potctl.check_length('operator', p_operator, 200);
  PERFORM potctl.check_length('action', p_action, 200);
  PERFORM potctl.check_length('target', p_target, 400);
  PERFORM potctl.check_length('reason', p_reason, 2000);
  PERFORM potctl.check_length('ticket', p_ticket, 200);
  PERFORM potctl.check_length('run id', p_run_id, 200);
  PERFORM potctl.check_length('trace id', p_trace_id, 200);
  PERFORM potctl.check_length('details', p_details::pg_catalog.text, 65536);
  IF p_action ~ '^potctl[.]'
     AND NOT pg_catalog.pg_has_role(session_user, (SELECT n.nspowner FROM pg_catalog.pg_namespace n WHERE n.nspname = 'potctl'), 'member') THEN
    RAISE EXCEPTION 'only the owner of the schema potctl writes actions of potctl itself, and % is none', p_action USING ERRCODE = '42501';
  END IF;
  SELECT * INTO STRICT head FROM potctl.journal_head WHERE one FOR UPDATE;
  r.seq := head.seq + 1;
  r.at := pg_catalog.clock_timestamp();
  r.db_role := session_user;
  r.operator := p_operator;
  r.action := p_action;
  r.target := p_target;
  r.reason := p_reason;
  r.ticket := p_ticket;
  r.status := p_status;
  r.run_id := p_run_id;
  r.trace_id := p_trace_id;
  r.details := coalesce(p_details, pg_catalog.jsonb_build_object());
  r.prev_hash := head.hash;
  r.hash := potctl.row_hash(r);
  INSERT INTO potctl.journal SELECT r.*;
  IF NOT EXISTS (SELECT FROM potctl.journal j WHERE j.seq = r.seq AND potctl.row_hash(j) = r.hash) THEN
    RAISE EXCEPTION 'the journal did not keep the entry: a rule or trigger of potctl.journal is in the way' USING ERRCODE = 'PC001';
  END IF;
  UPDATE potctl.journal_head SET seq = r.seq, hash = r.hash WHERE one;
  broken := CASE WHEN pg_catalog.jsonb_typeof(r.details -> 'break_glass') = 'array'
                 THEN pg_catalog.jsonb_array_length(r.details -> 'break_glass') > 0 ELSE false END;
  DELETE FROM potctl.journal_due d
   WHERE d.tx = pg_catalog.txid_current() AND (d.target IS NULL OR d.target = p_target) AND p_action = ANY (d.actions)
     AND (d.status IS NULL OR d.status = p_status) AND (d.guarded IS NULL OR broken);
  RETURN r.seq;
END $$;

CREATE OR REPLACE FUNCTION potctl.journal_refuse() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'potctl.journal is append-only (% refused)', TG_OP USING ERRCODE = '42501';
END $$;

-- Serializes attempts per user. At a higher isolation level the counts would come from an old snapshot.
CREATE FUNCTION potctl.mfa_lock(p_person pg_catalog.text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF coalesce(p_person, '') !~ '^[a-z0-9]+:.' OR pg_catalog.length(p_person) > 400 THEN
    RAISE EXCEPTION 'a person is APPLICATION:ID' USING ERRCODE = '22023';
  END IF;
  IF pg_catalog.current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'attempts are counted in READ COMMITTED only' USING ERRCODE = '22023';
  END IF;
  PERFORM pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('potctl.mfa:' || p_person, 0));
END $$;

-- Returns NULL if a code may be checked now; else until when it may not; infinity: until an operator resets it. Call it before the code is
-- checked. Attempts refused here are not counted and do not extend the block. After 30 refused codes of a user within 24 hours a role is
-- blocked for this user, so that one role alone cannot reach the lock at 100.
CREATE OR REPLACE FUNCTION potctl.mfa_gate(p_person pg_catalog.text) RETURNS pg_catalog.timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  now_ pg_catalog.timestamptz;
  success pg_catalog.timestamptz;
  fresh pg_catalog.timestamptz;
  failures integer;
  blocked pg_catalog.timestamptz;
BEGIN
  PERFORM potctl.mfa_lock(p_person);
  now_ := pg_catalog.clock_timestamp();
  SELECT coalesce(pg_catalog.max(a.at), '-infinity') INTO success FROM potctl.mfa_attempt a WHERE a.person = p_person AND a.kind IN ('ok', 'reset');
  SELECT greatest(success, pg_catalog.max(a.at)) INTO fresh FROM potctl.mfa_attempt a WHERE a.person = p_person AND a.kind = 'unlock';
  SELECT pg_catalog.count(*) INTO failures FROM potctl.mfa_attempt a
   WHERE a.person = p_person AND a.kind IN ('totp', 'backup') AND a.at > success;
  IF failures >= 100 THEN RETURN 'infinity'; END IF;
  SELECT pg_catalog.max(a.at) + pg_catalog.make_interval(mins => 15) INTO blocked FROM potctl.mfa_attempt a
   WHERE a.person = p_person AND a.kind = 'block' AND a.at > fresh;
  IF blocked > now_ THEN RETURN blocked; END IF;
  SELECT a.at + pg_catalog.make_interval(hours => 24) INTO blocked FROM potctl.mfa_attempt a
   WHERE a.person = p_person AND a.kind IN ('totp', 'backup') AND a.at > success AND a.db_role = session_user
   ORDER BY a.at DESC OFFSET 29 LIMIT 1;
  IF blocked > now_ THEN RETURN blocked; END IF;
  SELECT pg_catalog.count(*) INTO failures FROM potctl.mfa_attempt a
   WHERE a.person = p_person AND a.kind IN ('totp', 'backup') AND a.at > now_ - pg_catalog.make_interval(secs => 60) AND a.at > fresh;
  IF failures < 10 THEN RETURN NULL; END IF;
  INSERT INTO potctl.mfa_attempt (person, at, kind) VALUES (p_person, now_, 'block');
  RETURN now_ + pg_catalog.make_interval(mins => 15);
END $$;

-- totp, backup: a refused code, counted only while codes are accepted. ok: an accepted one. unlock, reset: done by an operator.
CREATE OR REPLACE FUNCTION potctl.mfa_note(p_person pg_catalog.text, p_kind pg_catalog.text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM potctl.mfa_lock(p_person);
  IF p_kind IN ('totp', 'backup') THEN
    IF potctl.mfa_gate(p_person) IS NOT NULL THEN
      RAISE EXCEPTION 'no code of % may be evaluated now, so none can have been refused', p_person USING ERRCODE = '22023';
    END IF;
    PERFORM potctl.journal_owe(p_person, ARRAY['mfa.verify', 'mfa.confirm', 'mfa.explain'], NULL, NULL);
  ELSIF p_kind = 'ok' THEN
    PERFORM potctl.journal_owe(p_person, ARRAY['mfa.verify', 'mfa.confirm', 'mfa.explain'], 'done', NULL);
  ELSIF p_kind IN ('unlock', 'reset') THEN
    PERFORM potctl.journal_owe(p_person, ARRAY['mfa.unlock'], 'done', NULL);
  ELSE
    RAISE EXCEPTION 'totp, backup, ok, unlock or reset, not %', p_kind USING ERRCODE = '22023';
  END IF;
  INSERT INTO potctl.mfa_attempt (person, kind) VALUES (p_person, p_kind);
  IF p_kind = 'ok' THEN
    DELETE FROM potctl.mfa_attempt a WHERE a.person = p_person AND a.at < pg_catalog.clock_timestamp() - pg_catalog.make_interval(days => 90);
  END IF;
END $$;

-- Checks that the code of this time step can be correct now. An application's window is at most one step, and it may round up to the next second.
CREATE FUNCTION potctl.mfa_check_step(p_step bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF p_step IS NULL OR p_step < 0 OR p_step > pg_catalog.floor(extract(epoch FROM pg_catalog.clock_timestamp()) / 30) + 2 THEN
    RAISE EXCEPTION 'no code of step % can be right now', p_step USING ERRCODE = '22023';
  END IF;
END $$;

-- Returns true for one caller only, even with concurrent calls. p_seed: a step that the application has already accepted.
CREATE OR REPLACE FUNCTION potctl.mfa_take_step(p_factor pg_catalog.text, p_step bigint, p_seed bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  taken boolean;
BEGIN
  PERFORM potctl.check_length('factor', p_factor, 400);
  PERFORM potctl.mfa_check_step(p_step);
  IF p_step <= p_seed THEN RETURN false; END IF;
  INSERT INTO potctl.mfa_step AS s (factor, last_step) VALUES (p_factor, p_step)
    ON CONFLICT (factor) DO UPDATE SET last_step = excluded.last_step WHERE s.last_step < excluded.last_step
    RETURNING true INTO taken;
  IF taken THEN PERFORM potctl.journal_owe(NULL, ARRAY['mfa.verify', 'mfa.confirm', 'mfa.explain'], 'done', NULL); END IF;
  RETURN coalesce(taken, false);
END $$;

-- A new secret has no used step yet, even if its factor keeps the id: codes of the old secret do not count.
CREATE OR REPLACE FUNCTION potctl.mfa_enrollment_began(p_factor pg_catalog.text, p_person pg_catalog.text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM potctl.check_length('factor', p_factor, 400);
  PERFORM potctl.mfa_lock(p_person);
  PERFORM potctl.journal_owe(p_person, ARRAY['mfa.enroll'], 'done', NULL);
  DELETE FROM potctl.mfa_step s WHERE s.factor = p_factor;
  DELETE FROM potctl.mfa_enrollment e WHERE e.person = p_person;
  INSERT INTO potctl.mfa_enrollment (factor, person) VALUES (p_factor, p_person);
END $$;

CREATE OR REPLACE FUNCTION potctl.mfa_enrollment_ended(p_person pg_catalog.text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM potctl.mfa_lock(p_person);
  DELETE FROM potctl.mfa_enrollment e WHERE e.person = p_person;
  IF FOUND THEN PERFORM potctl.journal_owe(p_person, ARRAY['mfa.confirm', 'mfa.disable', 'mfa.reset'], 'done', NULL); END IF;
END $$;

-- Records the user that a command is about. Returns how many different users this role looked up in the last ten minutes.
CREATE OR REPLACE FUNCTION potctl.run_note(p_run_id pg_catalog.text, p_trace_id pg_catalog.text, p_operator pg_catalog.text,
  p_command pg_catalog.text, p_target pg_catalog.text)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM potctl.check_length('run id', p_run_id, 200);
  PERFORM potctl.check_length('trace id', p_trace_id, 200);
  PERFORM potctl.check_length('operator', p_operator, 200);
  PERFORM potctl.check_length('command', p_command, 200);
  PERFORM potctl.check_length('target', p_target, 400);
  INSERT INTO potctl.run (run_id, trace_id, operator, command, target)
  VALUES (p_run_id, p_trace_id, p_operator, p_command, p_target);
  RETURN (SELECT pg_catalog.count(DISTINCT r.target) FROM potctl.run r
           WHERE r.db_role = session_user AND r.at > pg_catalog.clock_timestamp() - pg_catalog.make_interval(mins => 10));
END $$;

-- Trigger function for an application's tables with secrets, codes, locks and sessions; `potctl setup --guard-writes` adds the triggers. A change
-- by a member of potctl_support requires a journal entry. Arguments: the application, the column with the user's id, and a query that returns,
-- for the user $1 and the caller's name $2, why --break-glass is needed, or NULL. It runs as the caller, not as the owner, because columns with
-- types of the application could run code of the application.
CREATE FUNCTION potctl.guard_write() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  support pg_catalog.oid := (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = 'potctl_support');
  person pg_catalog.text;
  whose pg_catalog.text;
BEGIN
  IF support IS NULL OR NOT pg_catalog.pg_has_role(session_user, support, 'member')
     OR (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = session_user) THEN
    RETURN NULL;
  END IF;
  EXECUTE pg_catalog.format('SELECT ($1).%I::pg_catalog.text', TG_ARGV[1])
     INTO person USING CASE WHEN TG_OP = 'INSERT' THEN NEW ELSE OLD END;
  EXECUTE TG_ARGV[2] INTO whose USING person, pg_catalog.lower(session_user::pg_catalog.text);
  PERFORM potctl.journal_owe(TG_ARGV[0] || ':' || person,
    ARRAY['mfa.enroll', 'mfa.confirm', 'mfa.codes', 'mfa.disable', 'mfa.reset', 'mfa.unlock'], 'done', person || ' is ' || whose);
  RETURN NULL;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA potctl FROM PUBLIC;
