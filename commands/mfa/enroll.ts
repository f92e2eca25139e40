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

/** `potctl mfa enroll`: a new secret that waits for its first code. */
export const mfaEnroll = actionCommand({
  name: 'mfa enroll',
  summary: 'create a new secret; show its QR code once',
  examples: [
    'potctl mfa enroll ana.souza -p prod --reason "new phone, person is beside me"',
    'potctl mfa enroll admin@example.com -p prod --break-glass --reason "locked out by the application" --qr ./admin.png --confirm admin',
  ],
  atomic: true,
  needs: ['database'],
  input: {
    user: USER,
    qr: text('--qr <file>', 'the square as a new image file (0600): FILE.png or FILE.svg'),
    secretTo: text('--secret-to <file>', 'the key in base32 into a new file (0600)'),
    label: text('--name <text>', 'name of the factor, where the application keeps one', {
      default: 'Authenticator App',
    }),
    issuer: text('--issuer <text>', 'name shown in the authenticator app'),
    another: flag('--another', 'one more beside the others, where the application keeps several'),
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
  },

  changed: ({ changed }) => changed,
  done: (result) => changeDone(result),
  render(result, view) {
    renderChange(result, view, {
      done({ person, state }) {
        const beside = state === 'enabled' ? '; what was enabled before stays enabled' : '';
        return ['New secret', `stored for ${person.name}; it does nothing before its first code is confirmed${beside}`];
      },
      next: ({ person }) => potctl('mfa', 'confirm', personWord(person), '--reason', '…'),
    });
    if (result.expires_at !== null) view.note(`It waits for its first code until ${view.instant(result.expires_at)}.`);
  },
});

interface Asked {
  readonly qr: string | undefined;
  readonly secretTo: string | undefined;
  readonly person: { readonly name: string; readonly id: string };
  /** An address as long as the one that will be shown. */
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
      detail: `${person.name} has a new secret that waits for its first code; it does nothing before`,
      fix: [
        advice`If it arrived in the app: ${potctl('mfa', 'confirm', user, '--reason', '…')}`,
        advice`If not, a new one: ${potctl('mfa', 'enroll', user, '--reason', '…')}`,
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

/** Until the window is large enough for the QR code, or the person does without it. */
async function makeRoom(terminal: Terminal, sample: string): Promise<Delivery | null> {
  const { qrNeeds, squareFits } = await import('../ui/qr.js');
  while (!squareFits(sample, terminal.size())) {
    const [{ columns, rows }, needs] = [terminal.size(), qrNeeds(sample)];
    terminal.say(`The QR code needs a window of ${needs.columns} × ${needs.rows}; this one has ${columns} × ${rows}.`);
    terminal.say('Enlarge the window and press Enter, type key to see only the key to type,');
    const answer = (await terminal.typed('or name a new file for the QR code (FILE.png)')).trim();
    if (answer === 'key') return null;
    if (answer !== '') return imageAt(answer);
  }
  return null;
}
