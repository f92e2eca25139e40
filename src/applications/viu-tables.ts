import type { Table } from './application.js';

const NAIVE = ['timestamp without time zone'];

/** The columns that VIU's tables must have, both in its first version and today. Columns that potctl does not use are left out. */
export const VIU_TABLES: readonly Table[] = [
  {
    name: 'usuarios',
    columns: {
      ...{ id: ['text'], email: ['text'], nome: ['text'], tipo: ['text'], ativo: ['boolean'] },
      ...{ twoFactorEnabled: ['boolean'], twoFactorSecret: ['text'], twoFactorBackupCodes: ['text[]'] },
      ...{ criadoEm: NAIVE, atualizadoEm: NAIVE },
    },
    hidden: ['twoFactorSecret', 'twoFactorBackupCodes'],
    updates: ['twoFactorEnabled', 'twoFactorSecret', 'twoFactorBackupCodes', 'atualizadoEm'],
  },
  {
    name: 'sessoes',
    columns: { usuarioId: ['text'], ativo: ['boolean'], expiresAt: NAIVE },
    updates: ['ativo'],
  },
  {
    name: 'audit_logs',
    columns: {
      ...{ id: ['text'], action: ['text'], resource: ['text'], resourceId: ['text'], usuarioId: ['text'] },
      ...{ details: ['jsonb'], status: ['text'], errorMessage: ['text'], criadoEm: NAIVE },
    },
    inserts: true,
  },
  {
    name: 'security_events',
    columns: {
      ...{ id: ['text'], eventType: ['text'], severity: ['text'], description: ['text'], details: ['jsonb'] },
      ...{ usuarioId: ['text'], criadoEm: NAIVE },
    },
    inserts: true,
  },
];
