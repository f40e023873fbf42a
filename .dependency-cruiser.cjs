// Who may import whom. A rule's name says what it holds; the reason stands beside it.
const upper = 'guests|hardware|templates|identity|terminals|servers|containers|limits|host';
const middle = 'operations|qemu|qmp|domain|disks|cloud-init|keys|ssh|networks';
const test = '\\.test\\.tsx?$';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'A module that needs itself cannot be understood, or tested, by itself.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'everything-resolves',
      comment: 'An import that is not there fails only when it is reached.',
      severity: 'error',
      from: {},
      // The scripts are plain JavaScript; vite's ?url and ?worker suffixes and node-pty-less type imports resolve.
      to: { couldNotResolve: true, pathNot: '^(electron$|virtual:)' },
    },
    {
      name: 'shared-imports-zod-alone',
      comment: 'Both processes take it in whole, so it may bring nothing along.',
      severity: 'error',
      from: { path: '^shared/', pathNot: test },
      to: { pathNot: '^(shared/|node_modules/zod/)' },
    },
    {
      name: 'core-never-sees-electron',
      comment: 'The core also runs as a command line and in tests, without a window.',
      severity: 'error',
      from: { path: '^electron/core/' },
      to: { path: '^(electron$|node_modules/electron/|electron/(?!core/)|renderer/|scripts/|e2e/)' },
    },
    {
      name: 'core-has-one-door',
      comment: 'What is outside the core knows createCore and its types, and nothing behind them.',
      severity: 'error',
      from: { path: '^electron/', pathNot: ['^electron/core/', test] },
      to: { path: '^electron/core/', pathNot: '^electron/core/(index|early|api)\\.ts$' },
    },
    {
      name: 'platform-is-the-floor',
      comment: 'Files, programs, clocks: they know nothing of guests.',
      severity: 'error',
      from: { path: '^electron/core/platform/', pathNot: test },
      to: { path: '^electron/', pathNot: '^electron/core/platform/' },
    },
    {
      name: 'core-never-upward',
      comment:
        'The middle layer serves the upper one and never asks it. (api.ts is types over shared alone.)',
      severity: 'error',
      from: { path: `^electron/core/(${middle})/`, pathNot: test },
      to: { path: `^electron/core/((${upper})/|(?!api)[^/]+\\.ts$)` },
    },
    {
      name: 'upper-core-not-the-door',
      comment: 'The door imports the rooms; a room that imports the door is a cycle in waiting.',
      severity: 'error',
      from: { path: `^electron/core/(${upper})/`, pathNot: test },
      to: { path: '^electron/core/index\\.ts$' },
    },
    {
      name: 'no-testing-code-in-the-product',
      comment: 'Fakes and temporary homes are for tests.',
      severity: 'error',
      from: { path: '^(electron|shared|renderer)/', pathNot: ['\\.test\\.tsx?$', '^electron/core/testing/'] },
      to: { path: '^(electron/core/testing/|e2e/|node_modules/(vitest|playwright|@playwright)/)' },
    },
    {
      name: 'renderer-imports-shared-alone',
      comment: 'The page is sandboxed: there is no Node in it, and no core.',
      severity: 'error',
      from: { path: '^renderer/', pathNot: test },
      to: { path: '^(electron|scripts|e2e)/' },
    },
    {
      name: 'renderer-has-no-node',
      comment: 'The page is sandboxed.',
      severity: 'error',
      from: { path: '^renderer/', pathNot: test },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'features-know-not-each-other',
      comment: 'What two features share moves to ui, stores or shared.',
      severity: 'error',
      from: { path: '^renderer/features/([^/]+)/' },
      to: { path: '^renderer/features/', pathNot: '^renderer/features/$1/' },
    },
    {
      name: 'ui-is-presentation',
      comment: 'The design system knows no store, no bridge and no feature.',
      severity: 'error',
      from: { path: '^renderer/ui/', pathNot: test },
      to: { path: '^renderer/(bridge|stores|features)/' },
    },
    {
      name: 'stores-know-no-views',
      comment: 'Data flows one way: bridge, store, view.',
      severity: 'error',
      from: { path: '^renderer/(stores|bridge)/', pathNot: test },
      to: { path: '^renderer/(features|ui)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|release|coverage)/' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.tsx', '.mjs', '.cjs', '.js', '.json', '.css', '.d.ts'],
    },
  },
};
