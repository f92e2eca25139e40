-- The reference application, version 2: functions with which potctl changes second factors. They run as the owner of the tables, so a support
-- login needs no privilege to write secrets, codes, locks or sessions. Each one requires a journal entry about the user in the same transaction;
-- for an administrator, or for the caller's own account, the entry must record --break-glass. Requires potctl's own schema, version 3.
-- pg_temp is last in every path, every name is qualified, and arguments are only used as values, so no object of the caller is ever used.

-- Requires the journal entry. @param p_guarded true if the change needs --break-glass for an administrator or the caller's own account
CREATE FUNCTION potctl_app.owe(p_user pg_catalog.uuid, p_actions pg_catalog.text[], p_guarded boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  u potctl_app.users;
  why pg_catalog.text;
  me pg_catalog.text := pg_catalog.lower(session_user::pg_catalog.text);
BEGIN
  SELECT * INTO u FROM potctl_app.users WHERE id = p_user FOR UPDATE;
  IF NOT FOUND THEN RAISE EXCEPTION 'there is no user %', p_user USING ERRCODE = '22023'; END IF;
  IF p_guarded THEN
    why := CASE WHEN u.role = 'admin' THEN u.username || ' is an administrator'
                WHEN me IN (pg_catalog.lower(u.username), pg_catalog.lower(u.email), pg_catalog.lower(pg_catalog.split_part(u.email, '@', 1)),
                            u.id::pg_catalog.text) THEN u.username || ' is the account of the caller' END;
  END IF;
  PERFORM potctl.journal_owe('native:' || p_user, p_actions, 'done', why);
END $$;

-- Locks this user against other changes until the transaction ends.
CREATE FUNCTION potctl_app.lock_person(p_user pg_catalog.uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM FROM potctl_app.users u WHERE u.id = p_user FOR UPDATE;
  PERFORM FROM potctl_app.mfa_factors f WHERE f.user_id = p_user ORDER BY f.id FOR UPDATE;
END $$;

-- Stores a new secret that is pending until its first code; replaces an earlier pending one.
CREATE FUNCTION potctl_app.mfa_enroll(p_user pg_catalog.uuid, p_factor pg_catalog.uuid, p_label pg_catalog.text, p_secret pg_catalog.text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM potctl_app.owe(p_user, ARRAY['mfa.enroll'], true);
  DELETE FROM potctl_app.mfa_factors f WHERE f.user_id = p_user AND f.kind = 'totp' AND f.status = 'pending';
  INSERT INTO potctl_app.mfa_factors (id, user_id, label, secret) VALUES (p_factor, p_user, p_label, p_secret);
EXCEPTION WHEN OTHERS THEN
  -- Raised again without its detail: the server's log would show the row.
  RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM;
END $$;

CREATE FUNCTION potctl_app.mfa_enable(p_user pg_catalog.uuid, p_factor pg_catalog.uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM potctl_app.owe(p_user, ARRAY['mfa.confirm'], true);
  UPDATE potctl_app.mfa_factors f SET status = 'enabled', enabled_at = pg_catalog.clock_timestamp()
   WHERE f.id = p_factor AND f.user_id = p_user AND f.status = 'pending';
  UPDATE potctl_app.users u SET must_enroll = false, updated_at = pg_catalog.clock_timestamp() WHERE u.id = p_user;
EXCEPTION WHEN OTHERS THEN
  RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM;
END $$;

-- @return the disabled factors
CREATE FUNCTION potctl_app.mfa_disable(p_user pg_catalog.uuid, p_factors pg_catalog.uuid[])
RETURNS TABLE (id pg_catalog.text, kind pg_catalog.text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM potctl_app.owe(p_user, ARRAY['mfa.disable', 'mfa.reset'], true);
  RETURN QUERY
    UPDATE potctl_app.mfa_factors f SET status = 'disabled', disabled_at = pg_catalog.clock_timestamp(), secret = NULL
     WHERE f.id = ANY (p_factors) AND f.user_id = p_user AND f.status <> 'disabled' RETURNING f.id::pg_catalog.text, f.kind;
EXCEPTION WHEN OTHERS THEN
  RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM;
END $$;

-- Records the time step of an accepted code, so that neither it nor an older one is accepted again.
CREATE FUNCTION potctl_app.mfa_mark_used(p_factor pg_catalog.uuid, p_step bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM potctl.mfa_check_step(p_step);
  PERFORM potctl_app.owe(f.user_id, ARRAY['mfa.verify', 'mfa.confirm', 'mfa.explain'], false) FROM potctl_app.mfa_factors f WHERE f.id = p_factor;
  UPDATE potctl_app.mfa_factors f SET last_used_at = pg_catalog.clock_timestamp(), last_step = greatest(f.last_step, p_step) WHERE f.id = p_factor;
EXCEPTION WHEN OTHERS THEN
  RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM;
END $$;

-- Replaces all backup codes; keeps the given order.
CREATE FUNCTION potctl_app.codes_replace(p_user pg_catalog.uuid, p_hashes pg_catalog.text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last integer;
BEGIN
  PERFORM potctl_app.owe(p_user, ARRAY['mfa.codes', 'mfa.confirm'], true);
  SELECT coalesce(pg_catalog.max(c.place), 0) INTO last FROM potctl_app.backup_codes c WHERE c.user_id = p_user;
  DELETE FROM potctl_app.backup_codes c WHERE c.user_id = p_user;
  INSERT INTO potctl_app.backup_codes (user_id, place, hash)
  SELECT p_user, last + h.n, h.hash FROM pg_catalog.unnest(p_hashes) WITH ORDINALITY AS h (hash, n);
EXCEPTION WHEN OTHERS THEN
  RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM;
END $$;

CREATE FUNCTION potctl_app.codes_clear(p_user pg_catalog.uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM potctl_app.owe(p_user, ARRAY['mfa.enroll', 'mfa.disable', 'mfa.reset'], true);
  DELETE FROM potctl_app.backup_codes c WHERE c.user_id = p_user;
EXCEPTION WHEN OTHERS THEN
  RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM;
END $$;

-- Uses up the code at p_index of the remaining ones, in order. Returns false if it no longer exists.
CREATE FUNCTION potctl_app.code_use(p_user pg_catalog.uuid, p_index integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM potctl_app.owe(p_user, ARRAY['mfa.verify', 'mfa.explain'], false);
  UPDATE potctl_app.backup_codes u SET used_at = pg_catalog.clock_timestamp()
   WHERE u.used_at IS NULL AND u.id = (SELECT c.id FROM potctl_app.backup_codes c
                                        WHERE c.user_id = p_user AND c.used_at IS NULL ORDER BY c.place OFFSET p_index LIMIT 1);
  RETURN FOUND;
EXCEPTION WHEN OTHERS THEN
  RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM;
END $$;

CREATE FUNCTION potctl_app.unlock(p_user pg_catalog.uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM potctl_app.owe(p_user, ARRAY['mfa.unlock'], true);
  UPDATE potctl_app.users u SET failed_logins = 0, locked_until = NULL, updated_at = pg_catalog.clock_timestamp() WHERE u.id = p_user;
EXCEPTION WHEN OTHERS THEN
  RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM;
END $$;

CREATE FUNCTION potctl_app.require_enrollment(p_user pg_catalog.uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM potctl_app.owe(p_user, ARRAY['mfa.reset'], true);
  UPDATE potctl_app.users u SET must_enroll = true, updated_at = pg_catalog.clock_timestamp() WHERE u.id = p_user;
EXCEPTION WHEN OTHERS THEN
  RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM;
END $$;

-- @return the number of ended sessions
CREATE FUNCTION potctl_app.sessions_end(p_user pg_catalog.uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ended integer;
BEGIN
  PERFORM potctl_app.owe(p_user, ARRAY['mfa.reset'], true);
  UPDATE potctl_app.sessions s SET revoked_at = pg_catalog.clock_timestamp()
   WHERE s.user_id = p_user AND s.revoked_at IS NULL AND s.expires_at > pg_catalog.clock_timestamp();
  GET DIAGNOSTICS ended = ROW_COUNT;
  RETURN ended;
EXCEPTION WHEN OTHERS THEN
  RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM;
END $$;

-- Only roles that are granted EXECUTE can run these functions. They belong to the owner of the tables, because a trigger on a table must never
-- run with the privileges of the user who ran setup.
DO $$
DECLARE
  owner pg_catalog.name := (SELECT r.rolname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_roles r ON r.oid = c.relowner
                             WHERE c.oid = 'potctl_app.users'::pg_catalog.regclass);
  made pg_catalog.text[] := ARRAY['owe(uuid, text[], boolean)', 'lock_person(uuid)', 'mfa_enroll(uuid, uuid, text, text)', 'mfa_enable(uuid, uuid)',
    'mfa_disable(uuid, uuid[])', 'mfa_mark_used(uuid, bigint)', 'codes_replace(uuid, text[])', 'codes_clear(uuid)',
    'code_use(uuid, integer)', 'unlock(uuid)', 'require_enrollment(uuid)', 'sessions_end(uuid)'];
  one pg_catalog.text;
BEGIN
  FOREACH one IN ARRAY made LOOP
    EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION potctl_app.%s FROM PUBLIC', one);
  END LOOP;
  IF owner = current_user THEN RETURN; END IF;
  EXECUTE pg_catalog.format('GRANT USAGE ON SCHEMA potctl TO %I', owner);
  EXECUTE pg_catalog.format('GRANT EXECUTE ON FUNCTION potctl.journal_owe(text, text[], text, text), potctl.mfa_check_step(bigint) TO %I', owner);
  FOREACH one IN ARRAY made LOOP
    EXECUTE pg_catalog.format('ALTER FUNCTION potctl_app.%s OWNER TO %I', one, owner);
  END LOOP;
END $$;
