-- What an application could adopt that wants every feature of potctl: people, sessions, second factors with a replay guard, single-use
-- codes, an audit log with request and trace ids, security events. Version 1. Times are timestamptz; ids are made by the server or the client.
CREATE SCHEMA potctl_app;

CREATE TABLE potctl_app.users (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  email text NOT NULL CHECK (email ~ '^[^\s@]+@[^\s@]+$'),
  username text NOT NULL CHECK (username ~ '\S'),
  full_name text,
  password_hash text,                                  -- NULL = no login by password
  role text NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'support', 'admin')),
  active boolean NOT NULL DEFAULT true,
  must_enroll boolean NOT NULL DEFAULT false,          -- the next login leads to the enrolment of a second factor
  failed_logins integer NOT NULL DEFAULT 0 CHECK (failed_logins >= 0),
  locked_until timestamptz,
  last_login_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email ON potctl_app.users (lower(email));
CREATE UNIQUE INDEX users_username ON potctl_app.users (lower(username));

CREATE TABLE potctl_app.sessions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL REFERENCES potctl_app.users ON DELETE CASCADE,
  token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),   -- SHA-256: the token itself is never stored
  ip inet,
  user_agent text,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz
);
CREATE INDEX sessions_live ON potctl_app.sessions (user_id) WHERE revoked_at IS NULL;

CREATE TABLE potctl_app.mfa_factors (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL REFERENCES potctl_app.users ON DELETE CASCADE,
  kind text NOT NULL DEFAULT 'totp' CHECK (kind IN ('totp', 'webauthn')),
  label text,
  secret text CHECK (secret ~ '^potctl:v1:'),          -- AES-256-GCM, bound to this row: never in the clear
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'enabled', 'disabled')),
  last_step bigint NOT NULL DEFAULT -1,                -- accept a code only with: UPDATE … SET last_step = :step WHERE last_step < :step
  created_at timestamptz NOT NULL DEFAULT now(),
  enabled_at timestamptz,
  disabled_at timestamptz,
  last_used_at timestamptz,
  CHECK (kind <> 'totp' OR secret IS NOT NULL OR status = 'disabled'),
  CHECK ((status = 'disabled') = (disabled_at IS NOT NULL)),
  CHECK (status <> 'enabled' OR enabled_at IS NOT NULL)
);
CREATE INDEX mfa_factors_user ON potctl_app.mfa_factors (user_id);
CREATE UNIQUE INDEX mfa_factors_one_totp ON potctl_app.mfa_factors (user_id, status) WHERE kind = 'totp' AND status <> 'disabled';

CREATE TABLE potctl_app.backup_codes (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id uuid NOT NULL REFERENCES potctl_app.users ON DELETE CASCADE,
  place integer NOT NULL,
  hash text NOT NULL CHECK (hash ~ '^potctl\$scrypt\$'),
  created_at timestamptz NOT NULL DEFAULT now(),
  used_at timestamptz,
  UNIQUE (user_id, place)
);

CREATE TABLE potctl_app.audit_log (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  user_id uuid,                                        -- whom it is about; no foreign key: the record outlives the person
  actor text,
  action text NOT NULL,
  resource_type text,
  resource_id text,
  status text NOT NULL CHECK (status IN ('success', 'failure', 'denied')),
  ip inet,
  user_agent text,
  request_id text,
  trace_id text,
  details jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_newest ON potctl_app.audit_log (at DESC, id DESC);
CREATE INDEX audit_log_user ON potctl_app.audit_log (user_id, at DESC, id DESC);
CREATE INDEX audit_log_action ON potctl_app.audit_log (action, at DESC);
CREATE INDEX audit_log_request ON potctl_app.audit_log (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX audit_log_trace ON potctl_app.audit_log (trace_id) WHERE trace_id IS NOT NULL;
CREATE INDEX audit_log_failed ON potctl_app.audit_log (at DESC) WHERE status <> 'success';

CREATE TABLE potctl_app.security_events (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  type text NOT NULL,
  severity text NOT NULL CHECK (severity IN ('INFO', 'LOW', 'MEDIUM', 'HIGH', 'CRITICAL')),
  description text NOT NULL,
  user_id uuid,
  ip inet,
  user_agent text,
  request_id text,
  trace_id text,
  details jsonb NOT NULL DEFAULT '{}',
  resolved_at timestamptz,
  resolved_by text,
  resolution text,
  CHECK ((resolved_at IS NULL) = (resolved_by IS NULL))
);
CREATE INDEX security_events_open ON potctl_app.security_events (severity, at DESC) WHERE resolved_at IS NULL;
CREATE INDEX security_events_user ON potctl_app.security_events (user_id, at DESC);
