// The fallback runtime's default_app: loads the app whose folder is the first argument that is no option, as Electron's
// own does (https://www.electronjs.org/docs/latest/tutorial/application-distribution).
'use strict';
const { app } = require('electron');
const fs = require('node:fs');
const path = require('node:path');

const folder = process.argv.slice(1).find((argument) => !argument.startsWith('-'));
if (folder === undefined) {
  process.stderr.write('Usage: electron [options] FOLDER [arguments]\n');
  process.exit(2);
}
const appPath = path.resolve(folder);
let main = appPath;
if (fs.statSync(appPath).isDirectory()) {
  const about = JSON.parse(fs.readFileSync(path.join(appPath, 'package.json'), 'utf8'));
  app.setName(about.productName || about.name);
  app.setVersion(about.version || '0.0.0');
  app.setDesktopName(about.desktopName || `${app.name}.desktop`);
  app.setAppPath(appPath);
  main = path.join(appPath, about.main || 'index.js');
}
require(main);
