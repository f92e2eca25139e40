-- potctl's own schema, version 2: its state of second factors, and the users that its commands looked up.
INSERT INTO potctl.schema_version (version) VALUES (2);

-- The newest 30-second time step whose code was accepted; neither it nor an older one is accepted again.
CREATE TABLE potctl.mfa_step (
  factor text PRIMARY KEY,
  last_step bigint NOT NULL
);

-- totp, backup: a refused code. ok: an accepted one. block: the start of a block. unlock, reset: done by an operator.
CREATE TABLE potctl.mfa_attempt (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  person text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  kind text NOT NULL CHECK (kind IN ('totp', 'backup', 'ok', 'block', 'unlock', 'reset'))
);
CREATE INDEX mfa_attempt_person ON potctl.mfa_attempt (person, at DESC);

-- When an unconfirmed secret was created; potctl can confirm it for 24 hours.
CREATE TABLE potctl.mfa_enrollment (
  factor text PRIMARY KEY,
  person text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  started_by text NOT NULL DEFAULT session_user
);

-- The users that commands were about, including read-only commands, to notice somebody who looks up many users.
CREATE TABLE potctl.run (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id text NOT NULL,
  trace_id text,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  db_role text NOT NULL DEFAULT session_user,
  operator text NOT NULL,
  command text NOT NULL,
  target text
);
CREATE INDEX run_role ON potctl.run (db_role, at DESC);

-- Returns NULL if a code may be checked now; else until when it may not; infinity: until an operator resets it. Call it before the code is
-- checked. Attempts refused here are not counted and do not extend the block.
CREATE FUNCTION potctl.mfa_gate(p_person text) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  now_ timestamptz;
  success timestamptz;
  fresh timestamptz;
  failures integer;
  blocked timestamptz;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('potctl.mfa:' || p_person, 0));
  now_ := clock_timestamp();
  SELECT coalesce(max(at), '-infinity') INTO success FROM potctl.mfa_attempt WHERE person = p_person AND kind IN ('ok', 'reset');
  SELECT greatest(success, max(at)) INTO fresh FROM potctl.mfa_attempt WHERE person = p_person AND kind = 'unlock';
  SELECT count(*) INTO failures FROM potctl.mfa_attempt
   WHERE person = p_person AND kind IN ('totp', 'backup') AND at > success;
  IF failures >= 100 THEN RETURN 'infinity'; END IF;
  SELECT max(at) + interval '15 minutes' INTO blocked FROM potctl.mfa_attempt
   WHERE person = p_person AND kind = 'block' AND at > fresh;
  IF blocked > now_ THEN RETURN blocked; END IF;
  SELECT count(*) INTO failures FROM potctl.mfa_attempt
   WHERE person = p_person AND kind IN ('totp', 'backup') AND at > now_ - interval '60 seconds' AND at > fresh;
  IF failures < 10 THEN RETURN NULL; END IF;
  INSERT INTO potctl.mfa_attempt (person, at, kind) VALUES (p_person, now_, 'block');
  RETURN now_ + interval '15 minutes';
END $$;

CREATE FUNCTION potctl.mfa_note(p_person text, p_kind text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('potctl.mfa:' || p_person, 0));
  INSERT INTO potctl.mfa_attempt (person, kind) VALUES (p_person, p_kind);
  IF p_kind = 'ok' THEN
    DELETE FROM potctl.mfa_attempt WHERE person = p_person AND at < clock_timestamp() - interval '90 days';
  END IF;
END $$;

-- Returns true for one caller only, even with concurrent calls. p_seed: a step that the application has already accepted.
CREATE FUNCTION potctl.mfa_take_step(p_factor text, p_step bigint, p_seed bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
  taken boolean;
BEGIN
  IF p_step <= p_seed THEN RETURN false; END IF;
  INSERT INTO potctl.mfa_step AS s (factor, last_step) VALUES (p_factor, p_step)
    ON CONFLICT (factor) DO UPDATE SET last_step = excluded.last_step WHERE s.last_step < excluded.last_step
    RETURNING true INTO taken;
  RETURN coalesce(taken, false);
END $$;

-- A new secret has no used step yet, even if its factor keeps the id: codes of the old secret do not count.
CREATE FUNCTION potctl.mfa_enrollment_began(p_factor text, p_person text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  DELETE FROM potctl.mfa_step WHERE factor = p_factor;
  DELETE FROM potctl.mfa_enrollment WHERE person = p_person;
  INSERT INTO potctl.mfa_enrollment (factor, person) VALUES (p_factor, p_person);
$$;
CREATE FUNCTION potctl.mfa_enrollment_ended(p_person text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
  DELETE FROM potctl.mfa_enrollment WHERE person = p_person;
$$;

-- Records the user that a command is about. Returns how many different users this role looked up in the last ten minutes.
CREATE FUNCTION potctl.run_note(p_run_id text, p_trace_id text, p_operator text, p_command text, p_target text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
  INSERT INTO potctl.run (run_id, trace_id, operator, command, target)
  VALUES (p_run_id, p_trace_id, p_operator, p_command, p_target);
  RETURN (SELECT count(DISTINCT target) FROM potctl.run
           WHERE db_role = session_user AND at > clock_timestamp() - interval '10 minutes');
END $$;

REVOKE ALL ON FUNCTION potctl.mfa_gate(text), potctl.mfa_note(text, text), potctl.mfa_take_step(text, bigint, bigint),
  potctl.mfa_enrollment_began(text, text), potctl.mfa_enrollment_ended(text),
  potctl.run_note(text, text, text, text, text) FROM PUBLIC;
