// electron-builder's afterPack hook: what a packaged Electron must not be able to do.
'use strict';
const { rmSync } = require('node:fs');
const { join } = require('node:path');
const { FuseV1Options, FuseVersion, flipFuses, getCurrentFuseWire } = require('@electron/fuses');

const wanted = {
  [FuseV1Options.RunAsNode]: false,
  [FuseV1Options.EnableNodeOptionsEnvironmentVariable]: false,
  [FuseV1Options.EnableNodeCliInspectArguments]: false,
  [FuseV1Options.EnableCookieEncryption]: true,
  [FuseV1Options.OnlyLoadAppFromAsar]: true,
  [FuseV1Options.GrantFileProtocolExtraPrivileges]: false,
};

/** @param {import('electron-builder').AfterPackContext} context */
module.exports = async function afterPack(context) {
  // Where it is, Electron runs any folder given to it instead of the app.
  rmSync(join(context.appOutDir, 'resources/default_app.asar'), { force: true });
  rmSync(join(context.appOutDir, 'guesthouse-fallback'), { force: true });
  const executable = join(context.appOutDir, context.packager.executableName);
  // The fallback runtime is older than the last of them, and setting a fuse that is not there fails.
  const there = await getCurrentFuseWire(executable);
  const fuses = Object.fromEntries(Object.entries(wanted).filter(([fuse]) => fuse in there));
  await flipFuses(executable, { version: FuseVersion.V1, ...fuses });
};
