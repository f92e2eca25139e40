import { randomBytes, randomUUID } from 'node:crypto';
import type { Adapter, WithMfa } from '../../src/applications/application.js';
import { schemaSql } from '../support/database.js';
import type { Form } from '../support/mfa.js';
import { FORMS } from '../support/mfa-forms.js';
import type { ApplicationFixture } from './application.js';

/** An application that potctl knows, in one of the forms that its tables have. */
export const known = (form: Form, adapter: Adapter<WithMfa>): ApplicationFixture => ({
  ...{ label: form, adapter, rows: FORMS[form] },
  sql: () => schemaSql(form),
  schema: form === 'native' ? 'potctl_app' : 'public',
  newId: () => (form === 'viu' ? `c${randomBytes(12).toString('hex')}` : randomUUID()),
  events: adapter.security === undefined ? null : 'security_events',
});
