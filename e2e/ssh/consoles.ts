import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { dockTabTestId, testIds } from '../../renderer/ui/testids.ts';
import { expectAccessible } from '../lib/axe.ts';
import { focusPane, home, launched, noServer, page, screen, server, shot } from './world.ts';

const inFar = (name: string) => join(server!.home, name);

/** Consoles to the server that the key was copied to, from the button that offers one. */
export function consoleTests(): void {
  test('an SSH console opens, splits, and types into all of them at once', async () => {
    test.skip(!server, noServer);
    await page.getByTestId(testIds.copyKeyDone).getByRole('button', { name: 'Open its console' }).click();
    await expect.poll(() => screen(0), { timeout: 30_000 }).toContain('$');
    await page.locator('.xterm-helper-textarea').first().focus();
    await page.keyboard.type('echo one-$((40+2))\n');
    await expect.poll(() => screen(0), { timeout: 15_000 }).toContain('one-42');
    await shot('console');
    await page.keyboard.press('Control+Shift+E');
    await expect(page.locator('[data-terminal]:visible')).toHaveCount(2);
    await expect(page.getByTestId(dockTabTestId('cloud + cloud 2'))).toBeVisible();
    await expect.poll(() => screen(1), { timeout: 30_000 }).toContain('$');
    // What one types goes to the new one alone, until the group is made.
    await page.keyboard.type('echo alone-$((1+1))\n');
    await expect.poll(() => screen(1), { timeout: 15_000 }).toContain('alone-2');
    expect(await screen(0)).not.toContain('alone');
    await page.getByTestId(testIds.typeToAll).click();
    await expect(page.locator('[data-terminal]:visible').first()).toContainText('Typing to all 2');
    await page.keyboard.type('echo both-$((2+1))\n');
    await expect.poll(() => screen(0), { timeout: 15_000 }).toContain('both-3');
    await expect.poll(() => screen(1), { timeout: 15_000 }).toContain('both-3');
    await shot('type-to-all');
    await expectAccessible(page, 'two consoles typed into together');
    await page.keyboard.press('Control+Shift+O');
    await expect(page.locator('[data-terminal]:visible')).toHaveCount(3);
    await shot('three-panes');
    await page.getByTestId(testIds.typeToAll).click();
    await page.keyboard.press('Control+Shift+ArrowUp');
    await page.keyboard.press('Control+Shift+ArrowLeft');
    await page.keyboard.type('echo left-$((3+1))\n');
    await expect.poll(() => screen(0), { timeout: 15_000 }).toContain('left-4');
    expect(await screen(1)).not.toContain('left');
  });

  test('a reload keeps the consoles and how they lie', async () => {
    test.skip(!server, noServer);
    await page.reload();
    await page.getByTestId(testIds.app).waitFor();
    await expect(page.locator('[data-terminal]:visible')).toHaveCount(3);
    await expect.poll(() => screen(0), { timeout: 15_000 }).toContain('both-3');
  });

  test('a console says why it ended, and connects again in its place', async () => {
    test.skip(!server, noServer);
    await page
      .locator('.xterm-helper-textarea:visible, [data-terminal]:visible .xterm-helper-textarea')
      .first()
      .focus();
    await page.keyboard.type('exit\n');
    await expect(page.getByTestId(testIds.dockStatus)).toContainText('You logged out', { timeout: 15_000 });
    await shot('ended');
    await page.getByTestId(testIds.dockStatus).getByRole('button', { name: 'Connect again' }).click();
    await expect(page.getByTestId(testIds.dockStatus)).toHaveCount(0, { timeout: 15_000 });
  });

  test('a file dropped on a console is copied there', async () => {
    test.skip(!server, noServer);
    const name = `dropped $(touch x) ü.txt`;
    writeFileSync(join(home.root, name), 'what was dropped\n');
    // A file of the disk, as a drag brings one: chosen in a field first, since a page cannot make one up.
    const input = page.locator('#dropped-file');
    await page.evaluate(() => {
      const field = document.createElement('input');
      field.type = 'file';
      field.id = 'dropped-file';
      document.body.append(field);
    });
    await input.setInputFiles(join(home.root, name));
    await page.evaluate(() => {
      const field = document.getElementById('dropped-file') as HTMLInputElement;
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(field.files![0]!);
      const target = [...document.querySelectorAll<HTMLElement>('[data-terminal]')].find(
        (one) => one.offsetParent !== null,
      )!;
      for (const type of ['dragenter', 'dragover', 'drop'])
        target.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
      field.remove();
    });
    const dialog = page.getByRole('dialog');
    await expect(dialog).toContainText(name);
    await shot('drop');
    await expectAccessible(page, 'a file dropped on a console');
    await dialog.getByRole('button', { name: 'Copy', exact: true }).click();
    await expect.poll(() => existsSync(inFar(name)), { timeout: 30_000 }).toBe(true);
    await expect.poll(() => readFileSync(inFar(name), 'utf8')).toBe('what was dropped\n');
    expect(existsSync(inFar('x'))).toBe(false);
  });

  test('the text of a console is saved, with what has scrolled out of sight', async () => {
    test.skip(!server, noServer);
    const file = join(home.root, 'saved.txt');
    await launched.app.evaluate(({ dialog }, filePath) => {
      dialog.showSaveDialog = async () => ({ canceled: false, filePath });
    }, file);
    await focusPane(0);
    await page.keyboard.type('seq -f line-%g 1 200\n');
    await expect.poll(() => screen(0), { timeout: 15_000 }).toContain('line-200');
    await page.keyboard.press('Control+Shift+S');
    await expect.poll(() => existsSync(file)).toBe(true);
    await expect.poll(() => readFileSync(file, 'utf8')).toMatch(/line-1\nline-2\n[\s\S]*line-200\n/);
  });

  test('a console is searched, scrollback included, and the matches are marked', async () => {
    test.skip(!server, noServer);
    await focusPane(0);
    expect(await screen(0)).not.toContain('line-77');
    await page.keyboard.press('Control+Shift+F');
    const search = page.getByRole('search');
    await page.keyboard.type('line-77');
    await expect(search).toContainText('1 of 1');
    await expect.poll(() => screen(0)).toContain('line-77');
    await page.getByLabel('Search in this console').fill('line-7');
    await expect(search).toContainText(/^\d+ of 11$/);
    const outline = () =>
      page
        .locator('.xterm-find-result-decoration')
        .evaluateAll((marks) => marks.map((mark) => getComputedStyle(mark).outlineStyle));
    await expect.poll(async () => new Set(await outline())).toEqual(new Set(['solid']));
    const place = async () => Number((await search.textContent())?.split(' ')[0]);
    const first = await place();
    await page.keyboard.press('Enter');
    await expect.poll(place).toBe((first % 11) + 1);
    await page.keyboard.press('Shift+Enter');
    await expect.poll(place).toBe(first);
    await shot('search');
    await expectAccessible(page, 'a console that is searched');
    await page.keyboard.type('no such thing');
    await expect(search).toContainText('Not found');
    // The keys go to the program again.
    await page.keyboard.press('Escape');
    await expect(search).toHaveCount(0);
    await page.keyboard.type('echo searched-$((5+2))\n');
    await expect.poll(() => screen(0)).toContain('searched-7');
    await page.getByRole('button', { name: 'More for this console' }).click();
    await page.getByRole('menuitem', { name: 'Search in it…' }).click();
    await expect(page.getByLabel('Search in this console')).toBeFocused();
    await page.keyboard.press('Escape');
  });

  test('the keyboard makes the text of consoles larger and smaller, and the far end learns of it', async () => {
    test.skip(!server, noServer);
    const sizes = () =>
      page
        .locator('[data-terminal]:visible .xterm-rows')
        .evaluateAll((all) => [...new Set(all.map((rows) => getComputedStyle(rows).fontSize))]);
    const columns = async (mark: string) => {
      await page.keyboard.type(`echo ${mark}-$(stty size)\n`);
      const found = new RegExp(`${mark}-\\d+ (\\d+)`);
      await expect.poll(() => screen(0)).toMatch(found);
      return Number(found.exec(await screen(0))![1]);
    };
    await focusPane(0);
    await expect.poll(sizes).toEqual(['13px']);
    const before = await columns('usual');
    // As fast as one presses: each counts.
    for (let press = 0; press < 5; press++) await page.keyboard.press('Control+=');
    await expect.poll(sizes).toEqual(['18px']);
    expect(await columns('larger')).toBeLessThan(before);
    await shot('zoomed');
    await page.keyboard.press('Control+-');
    await expect.poll(sizes).toEqual(['17px']);
    await page.keyboard.press('Control+0');
    await expect.poll(sizes).toEqual(['13px']);
    expect(await columns('again')).toBe(before);
  });

  test('a console that rings out of sight marks its tab until one looks', async () => {
    test.skip(!server, noServer);
    await focusPane(0);
    await page.keyboard.type("(sleep 2; printf '\\a') &\n");
    await page.getByTestId('dock-add').click();
    await page.getByRole('menuitem', { name: /^cloud/ }).click();
    await expect(page.locator('[data-terminal]:visible')).toHaveCount(1);
    await expect.poll(() => screen(0), { timeout: 30_000 }).toContain('$');
    const bell = page.getByTestId(testIds.dock).getByRole('img', { name: 'It rang' });
    await expect(bell).toBeVisible({ timeout: 15_000 });
    await shot('bell');
    await page.locator('[data-testid^="dock-tab-"]').first().click();
    await expect(bell).toHaveCount(0);
  });

  test('a console goes on while nobody can see the window', async () => {
    test.skip(!server, noServer);
    await launched.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.hide());
    await focusPane(0);
    // What is drawn by timers that come once a second takes minutes for this.
    await page.keyboard.type('head -c 20000000 /dev/zero | base64; touch whole\n');
    await expect.poll(() => existsSync(inFar('whole')), { timeout: 60_000 }).toBe(true);
    await launched.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.show());
  });

  test('a changed host key is a full stop, explained, and forgotten only on purpose', async () => {
    test.skip(!server, noServer);
    await server!.changeHostKey();
    await page.getByTestId('dock-add').click();
    await page.getByRole('menuitem', { name: /^cloud/ }).click();
    const status = page.getByTestId(testIds.dockStatus);
    await expect(status).toContainText('another host key than the one pinned', { timeout: 30_000 });
    await shot('changed-host-key');
    await expectAccessible(page, 'a changed host key');
    // To try again changes nothing.
    await status.getByRole('button', { name: 'Connect again' }).click();
    await expect(status).toContainText('another host key than the one pinned', { timeout: 30_000 });
    await expect(page.getByTestId(testIds.prompt)).toHaveCount(0);
    await status.getByRole('button', { name: 'Forget the old key…' }).click();
    await shot('forget-host-key');
    await page.getByRole('alertdialog').getByRole('button', { name: 'Forget it' }).click();
    await status.getByRole('button', { name: 'Connect again' }).click();
    // Now it is a key nobody has seen: one question, with its fingerprint.
    await expect(page.getByTestId(testIds.prompt)).toContainText('SHA256:', { timeout: 30_000 });
    await page.getByTestId(testIds.promptSubmit).click();
    await expect.poll(() => screen(0), { timeout: 30_000 }).toContain('$');
  });
}
