import { readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createOverlay, type DiskRef } from '../electron/core/disks/index.ts';
import { libraryPolicy } from '../electron/core/guests/loading.ts';
import { applyIdentity } from '../electron/core/identity/apply.ts';
import { makeValues } from '../electron/core/identity/values.ts';
import type { TestCore } from '../electron/core/testing/core.ts';
import { identityPartIds, identityParts } from '../shared/model/identity.ts';
import { type BenchLibrary, openLibrary, starterGuest } from './lib/library.ts';
import { type Libvirt, startLibvirt } from './lib/libvirt.ts';
import {
  type BenchLine,
  type BenchResult,
  describeSamples,
  interleave,
  pairedRatios,
  summarize,
  timed,
} from './lib/measure.ts';
import { dropCaches, ensureTools, judged, load, machine, quick, rounds } from './lib/tools.ts';

/** Clones with an identity of their own, against virt-clone and virt-sysprep; and the audit of a large library. */
export async function bench(): Promise<BenchResult> {
  const lines: BenchLine[] = [{ text: machine() }];
  const samples: Record<string, readonly number[]> = { loadBefore: [load()] };
  const add = (part: BenchResult) => {
    lines.push(...part.lines);
    Object.assign(samples, part.samples);
  };
  const library = await openLibrary();
  try {
    const { test } = library;
    const source = await starterGuest(test, 'source');
    const plan = await test.core.call('templates.planSeal', { id: source, name: 'template', keep: true });
    await test.done(await test.core.call('templates.seal', { planId: plan.planId }));
    add(await oneAndMany(test));
    add(await editShare(library));
    add(await audit(library));
    add(await againstLibvirt(library, source));
    samples.loadAfter = [load()];
    return { lines, samples };
  } finally {
    await library.close();
  }
}

let batches = 0;

/** Seconds from asking for the plan until the clones stand in the library. They are deleted again unless `keep`. */
async function clones(test: TestCore, count: number, options: { linked?: boolean; keep?: boolean } = {}) {
  const batch = ++batches;
  const names = Array.from({ length: count }, (_, at) => `c${batch}-${String(at + 1).padStart(3, '0')}`);
  const seconds = await timed(async () => {
    const { planId } = await test.core.call('clones.plan', {
      source: 'template',
      names,
      linked: options.linked ?? true,
    });
    await test.done(await test.core.call('clones.run', { planId }));
  });
  if (!options.keep) {
    const { guests } = await test.core.call('core.snapshot', undefined);
    for (const guest of guests)
      if (names.includes(guest.name)) await test.core.call('guests.delete', { id: guest.id });
  }
  return seconds;
}

async function oneAndMany(test: TestCore): Promise<BenchResult> {
  const many = quick ? 10 : 100;
  const samples = await interleave(
    {
      '1 linked clone': () => clones(test, 1),
      '20 linked clones': () => clones(test, 20),
      '100 linked clones': () => clones(test, many),
      '1 full clone': () => clones(test, 1, { linked: false }),
    },
    rounds(10),
  );
  const each = samples['100 linked clones'].map((value) => (value / many) * 1000);
  const growth = pairedRatios(samples['100 linked clones'], samples['20 linked clones']).map(
    (r) => (r * 20) / many,
  );
  const lines = Object.entries(samples).map(([name, values]) => {
    const text = `${name}, all of its identity (Ed25519 and ECDSA keys): ${describeSamples(values, 's', 3)}`;
    return name === '20 linked clones'
      ? judged(`${text}; aim below 1.5 s`, summarize(values).median < 1.5)
      : { text };
  });
  return {
    lines: [
      ...lines,
      { text: `each of 100: ${describeSamples(each, 'ms', 0)}` },
      judged(
        `cost of one among 100 against one among 20: ${describeSamples(growth, 'times')}; aim flat, within 1.25`,
        summarize(growth).median <= 1.25,
      ),
    ],
    samples: { ...samples, eachOf100: each, growth },
  };
}

/** What the identity adds to a clone: the edit of its disk alone, beside making the overlay alone. */
async function editShare({ home, test }: BenchLibrary): Promise<BenchResult> {
  const policy = libraryPolicy(home.paths);
  const [template] = await test.core.call('templates.list', undefined);
  const base: DiskRef = { path: template!.disks[0]!.file!, format: 'qcow2' };
  const disk: DiskRef = { path: join(home.paths.staging, 'edit.qcow2'), format: 'qcow2' };
  const parts = identityPartIds.filter((part) => identityParts[part].clone);
  const overlay = async () => {
    rmSync(disk.path, { force: true });
    await createOverlay(disk.path, base, policy, {});
  };
  const edit = async () => {
    await overlay();
    const values = await makeValues('edited', ['ed25519', 'ecdsa']);
    return timed(() =>
      applyIdentity(
        { disks: [disk], policy },
        { mode: 'clone', parts, values },
        { runtimeDir: join(home.paths.runtime, 'exports') },
      ),
    );
  };
  const samples = await interleave({ overlay: () => timed(overlay), edit }, rounds(20));
  rmSync(disk.path, { force: true });
  const ms = Object.fromEntries(Object.entries(samples).map(([k, v]) => [k, v.map((s) => s * 1000)]));
  return {
    lines: [
      { text: `making the overlay alone: ${describeSamples(ms.overlay!, 'ms', 0)}` },
      judged(
        `editing the identity into it alone: ${describeSamples(ms.edit!, 'ms', 0)}; aim at most 60 ms`,
        summarize(ms.edit!).median <= 60,
      ),
    ],
    samples: { overlayMs: ms.overlay!, editMs: ms.edit! },
  };
}

async function againstLibvirt(library: BenchLibrary, source: string): Promise<BenchResult> {
  const missing = await ensureTools([
    { program: 'virt-clone', package: 'virtinst' },
    { program: 'virt-sysprep', package: 'guestfs-tools' },
    { program: 'libvirtd', package: 'libvirt-daemon-system' },
    { program: 'virsh', package: 'libvirt-clients' },
    {
      file: () => readdirSync('/boot').some((name) => name.startsWith('vmlinuz')),
      package: 'linux-image-cloud-amd64',
    },
  ]);
  if (missing.length > 0)
    return {
      lines: [{ text: `virt-clone and virt-sysprep were not measured: missing ${missing.join(', ')}` }],
      samples: {},
    };
  const { test, home } = library; // the audit opened the library anew
  const disk = (await test.guest(source)).disks[0]!.file!;
  let libvirt: Libvirt | null = null;
  const cloning: number[] = [];
  try {
    libvirt = await startLibvirt(join(tmpdir(), `gh-libvirt-${process.pid}`), disk);
    const theirs = libvirt;
    const samples = await interleave(
      {
        ours: () => clones(test, 1),
        theirs: async () => {
          const { clone, sysprep } = await theirs.cloneAndSysprep();
          cloning.push(clone);
          return clone + sysprep;
        },
      },
      rounds(4),
    );
    const ratios = pairedRatios(samples.theirs, samples.ours);
    const twenty: number[] = [];
    for (let round = 0; round < samples.theirs.length; round++) twenty.push(await clones(test, 20));
    const many = pairedRatios(
      samples.theirs.map((one) => one * 20),
      twenty,
    );
    return {
      lines: [
        {
          text: `virt-clone + virt-sysprep (machine-id, ssh-hostkeys), one guest: ${describeSamples(samples.theirs, 's', 1)}`,
        },
        {
          text: `one linked clone with its whole identity beside it: ${describeSamples(samples.ours, 's', 3)}`,
        },
        judged(
          `one clone, times faster: ${describeSamples(ratios, 'times', 0)}; aim 150`,
          summarize(ratios).median >= 150,
        ),
        {
          text: `twenty clones, times faster than twenty runs of theirs (one run times 20): ${describeSamples(many, 'times', 0)}`,
        },
      ],
      samples: {
        virtCloneAndSysprep: samples.theirs,
        virtClone: cloning,
        linkedBeside: samples.ours,
        fasterOne: ratios,
        fasterTwenty: many,
      },
    };
  } finally {
    await libvirt?.close();
    rmSync(join(home.paths.staging, 'edit.qcow2'), { force: true });
  }
}

async function audit(library: BenchLibrary): Promise<BenchResult> {
  const count = quick ? 20 : 300;
  for (let made = 0; made < count; made += Math.min(100, count))
    await clones(library.test, Math.min(100, count), { keep: true });
  const cacheFile = join(library.home.paths.cache, 'identity-audit.json');
  let dropped = true;
  const run = async (prepare: () => void): Promise<number> => {
    const test = await library.reopen();
    prepare();
    let rows = 0;
    const seconds = await timed(async () => {
      rows = (await test.core.call('identity.audit', {})).rows.length;
    });
    if (rows < count) throw new Error(`the audit read ${rows} machines of ${count}`);
    return seconds;
  };
  const forget = () => rmSync(cacheFile, { force: true });
  const samples = await interleave(
    {
      cold: () =>
        run(() => {
          forget();
          dropped = dropCaches() && dropped;
        }),
      'page cache kept': () => run(forget),
      warm: () => run(() => {}),
    },
    rounds(10),
  );
  return {
    lines: [
      judged(
        `audit of ${count} guests, nothing known${dropped ? ' and the page cache dropped' : ''}: ${describeSamples(samples.cold, 's')}; aim below 10 s`,
        summarize(samples.cold).median < 10,
      ),
      { text: `the same with the page cache kept: ${describeSamples(samples['page cache kept'], 's')}` },
      judged(
        `audit again, nothing changed, in a new core: ${describeSamples(samples.warm, 's', 3)}; aim below 0.5 s`,
        summarize(samples.warm).median < 0.5,
      ),
    ],
    samples: { auditCold: samples.cold, auditPageCache: samples['page cache kept'], auditWarm: samples.warm },
  };
}
