import { expect, it } from 'vitest';
import { contentType, fileFor } from './page-files.ts';

const root = '/opt/app/dist/renderer';

it.each([
  ['app://guesthouse/', 'index.html'],
  ['app://guesthouse/index.html', 'index.html'],
  ['app://guesthouse/assets/main-a1.js?x=1#y', 'assets/main-a1.js'],
  ['app://guesthouse/assets/%66ont.woff2', 'assets/font.woff2'],
])('%s is a file of the page', (url, file) => {
  expect(fileFor(root, url)).toBe(`${root}/${file}`);
});

it.each([
  'app://guesthouse/../main.cjs',
  'app://guesthouse/%2e%2e/secret.json',
  'app://guesthouse/..%2f..%2fsecret.json',
  'app://guesthouse/%2e%2e%5csecret.json',
  'app://guesthouse/a%00.html',
  'app://guesthouse/%ff.html',
  'app://other/index.html',
  'https://guesthouse/index.html',
  'file:///etc/passwd.html',
  'app://guesthouse/etc/passwd',
  'app://guesthouse//etc/../../../../x.exe',
  'not a url',
])('%s is none, or stays inside', (url) => {
  const file = fileFor(root, url);
  expect(file === null || (file.startsWith(`${root}/`) && !file.includes('..'))).toBe(true);
});

it('says what a module is, or the page would not run it', () => {
  expect(contentType('/x/main.js')).toBe('text/javascript; charset=utf-8');
});
