// electron-builder's afterPack hook: what a packaged Electron must not be able to do.
'use strict';
const { rmSync } = require('node:fs');
const { join } = require('node:path');
const { FuseV1Options, FuseVersion, flipFuses } = require('@electron/fuses');

/** @param {import('electron-builder').AfterPackContext} context */
module.exports = async function afterPack(context) {
  // Where it is, Electron runs any folder given to it instead of the app.
  rmSync(join(context.appOutDir, 'resources/default_app.asar'), { force: true });
  rmSync(join(context.appOutDir, 'guesthouse-fallback'), { force: true });
  await flipFuses(join(context.appOutDir, context.packager.executableName), {
    version: FuseVersion.V1,
    [FuseV1Options.RunAsNode]: false,
    [FuseV1Options.EnableNodeOptionsEnvironmentVariable]: false,
    [FuseV1Options.EnableNodeCliInspectArguments]: false,
    [FuseV1Options.EnableCookieEncryption]: true,
    [FuseV1Options.OnlyLoadAppFromAsar]: true,
    [FuseV1Options.GrantFileProtocolExtraPrivileges]: false,
  });
};
