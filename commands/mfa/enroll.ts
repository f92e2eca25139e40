import { PotctlError } from '../../src/kernel/errors.js';
import { advice, potctl } from '../../src/kernel/next.js';
import type { Delivery, SecretPlace } from '../../src/mfa/delivery.js';
import { flag, text } from '../cli/parse/options.js';
import { personWord } from '../cli/parse/shell.js';
import { actionCommand } from '../command.js';
import type { Context } from '../context.js';
import type { Terminal } from '../ui/terminal.js';
import { changeDone, renderChange, renderChangePlan } from './shared/change-screen.js';
import { BREAK_GLASS, USER } from './shared/flags.js';
import { changeReason, handOut } from './shared/input.js';

/** `potctl mfa enroll`: stores a new secret, which stays inactive until its first code is confirmed. */
export const mfaEnroll = actionCommand({
  name: 'mfa enroll',
  summary: 'create a new secret; show its QR code once',
  examples: [
    'potctl mfa enroll ana.souza -p prod --reason "new phone, in person"',
    'potctl mfa enroll admin@example.com -p prod --break-glass --reason "locked out by the application" --qr ./admin.png --confirm admin',
  ],
  atomic: true,
  needs: ['database'],
  input: {
    user: USER,
    qr: text('--qr <file>', 'write the QR code to a new file (0600), .png or .svg'),
    secretTo: text('--secret-to <file>', 'write the secret (base32) to a new file (0600)'),
    label: text('--name <text>', 'name of the factor, if the application stores one', {
      default: 'Authenticator App',
    }),
    issuer: text('--issuer <text>', 'name shown in the authenticator app'),
    another: flag('--another', 'add another factor, if the application allows several'),
    breakGlass: BREAK_GLASS,
  },

  async prepare({ user, qr, secretTo, label, issuer = null, another, breakGlass }, context) {
    const [mfa, reason] = [await context.potctl.mfa(), await changeReason(context)];
    return mfa.enroll({
      ...{ user, label, issuer, another, breakGlass, reason },
      place: ({ person, sample }) => placeOf(context, { qr, secretTo, person, sample }),
    });
  },

  gate: {
    renderPlan: renderChangePlan,
    phrase: ({ phrase }) => phrase,
    typed: 'the user name',
  },

  changed: ({ changed }) => changed,
  done: (result) => changeDone(result),
  render(result, view) {
    renderChange(result, view, {
      done({ person, state }) {
        const other = state === 'enabled' ? '; the factor enabled before stays enabled' : '';
        return ['New secret', `stored for ${person.name}; it is inactive until its first code is confirmed${other}`];
      },
      // It asks for the reason.
      next: ({ person }) => potctl('mfa', 'confirm', personWord(person)),
    });
    if (result.expires_at !== null)
      view.note(`The first code must be confirmed before ${view.instant(result.expires_at)}.`);
  },
});

interface Asked {
  readonly qr: string | undefined;
  readonly secretTo: string | undefined;
  readonly person: { readonly name: string; readonly id: string };
  /** A provisioning URI as long as the one that will be shown. */
  readonly sample: string;
}

async function placeOf(context: Context, { qr, secretTo, person, sample }: Asked): Promise<SecretPlace> {
  const { asText, checkNewFile, toNewFile } = await import('../../src/mfa/delivery.js');
  const { secretScreen } = await import('../ui/qr.js');
  const files: Delivery[] = [];
  if (qr !== undefined) files.push(await imageAt(qr));
  if (secretTo !== undefined) {
    await checkNewFile(secretTo);
    files.push(toNewFile(secretTo, ([secret = '']) => asText([secret])));
  }
  const user = personWord(person);
  return handOut(context, {
    what: 'the secret',
    draw: secretScreen,
    files,
    flags: '`--secret-to FILE` or `--qr FILE.png`',
    done: {
      changed: 'complete',
      detail: `${person.name} has a new secret, inactive until its first code is confirmed`,
      fix: [
        advice`If the app has it: ${potctl('mfa', 'confirm', user)}`,
        advice`If not, create a new one: ${potctl('mfa', 'enroll', user)}`,
      ],
    },
    makeRoom: (terminal) => makeRoom(terminal, sample),
  });
}

/** @throws E_USAGE, E_SECRET_OUTPUT */
async function imageAt(file: string): Promise<Delivery> {
  const { checkNewFile, toNewFile } = await import('../../src/mfa/delivery.js');
  const { qrImage } = await import('../ui/qr.js');
  if (!/\.(png|svg)$/i.test(file)) throw new PotctlError('E_USAGE', `'--qr' takes FILE.png or FILE.svg, not '${file}'`);
  await checkNewFile(file);
  return toNewFile(file, ([, uri = '']) => qrImage(uri, file));
}

/** Asks until the window is large enough for the QR code, or the operator chooses the key alone or a file. */
async function makeRoom(terminal: Terminal, sample: string): Promise<Delivery | null> {
  const { qrNeeds, squareFits } = await import('../ui/qr.js');
  while (!squareFits(sample, terminal.size())) {
    const [{ columns, rows }, needs] = [terminal.size(), qrNeeds(sample)];
    terminal.say(`The QR code needs a window of ${needs.columns} × ${needs.rows}; this one has ${columns} × ${rows}.`);
    terminal.say('Enlarge the window and press Enter, type "key" to see only the key to type in,');
    const answer = (await terminal.typed('or name a new file for the QR code (FILE.png)')).trim();
    if (answer === 'key') return null;
    if (answer !== '') return imageAt(answer);
  }
  return null;
}
