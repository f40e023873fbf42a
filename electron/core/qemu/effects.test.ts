import { expect, it } from 'vitest';
import { GuesthouseError } from '../../../shared/errors.ts';
import { Domain, declared, type ListName, type Property } from '../domain/index.ts';
import { elementDocuments, everyDomain } from '../domain/testing.ts';
import { type QemuRun, qemuArgv } from './argv.ts';

const run: QemuRun = {
  accelerator: 'kvm',
  qmp: '/run/g/qmp.sock',
  serial: '/run/g/serial.sock',
  serialLog: '/lib/logs/serial.log',
  agent: '/run/g/agent.sock',
  vnc: '/run/g/vnc.sock',
  pidfile: '/run/g/qemu.pid',
  tpm: '/run/g/tpm.sock',
};

/** The command line with its notes, or why there is none. */
function commandOf(domain: Domain): string {
  try {
    const { argv, notes } = qemuArgv(domain, run);
    return [...argv, ...notes].join('\n');
  } catch (error) {
    if (error instanceof GuesthouseError) return `! ${error.message} ${error.why ?? ''}`;
    throw error;
  }
}

it('every property of the table changes how a guest runs, or says that it does not', () => {
  const domains = [...everyDomain(), ...elementDocuments()].map(({ text }) => Domain.parse(text));
  const matters = (property: Property<unknown>) =>
    domains.some((domain) => {
      const count = property.list === null ? 1 : domain.count(property.list as ListName);
      for (let i = 0; i < count; i++) {
        if (!domain.has(property, i)) continue;
        const before = commandOf(domain);
        for (const value of [null, ...property.type.samples]) {
          if (commandOf(domain.set(property, value, i)) !== before) return true;
        }
      }
      return false;
    });
  const silent = [...declared.values()].filter(
    (property) => property.ignored === null && !property.label && !matters(property),
  );
  expect(silent.map(({ key }) => key)).toEqual([]);
});
