import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeTestDir, type TestDir } from '../harness/tmp.js';
import type { Manager } from './managers.js';
import { copyApp, execute, explainUnreachableRegistry, here, pack } from './packed.js';
import { Pair } from './pair.js';

/** A form in which an application is deployed. */
export interface Form {
  /** The name of its manifest beside this file, and of the folder of its lockfile in `locks/`. */
  readonly manifest: string;
  readonly manager: Manager;
  /** The folder of the site below the app's. Default: the app's own. */
  readonly folder?: string;
  /** The command that builds the site. */
  readonly build?: readonly string[];
  /** What is deployed without the sources: the folder that the build makes. */
  readonly bundle?: string;
  /** The program of the site. Default: `site.cjs`. */
  readonly site?: string;
}

/** Describes that files are delivered and fetched by an application in each of these forms. */
export function describeDeployed(forms: Readonly<Record<string, Form>>): void {
  const apps = new Map<string, Promise<InstalledApp>>();
  let tarball: string;
  beforeAll(async () => {
    tarball = await pack();
  }, 300_000);
  afterAll(async () => {
    for (const app of apps.values()) await (await app).dir.remove();
  });

  /** Forms with the same manifest and manager share an installation. */
  function install(form: Form): Promise<InstalledApp> {
    const key = `${form.manifest} ${form.manager.name}`;
    const app = apps.get(key) ?? installApp(form, tarball);
    apps.set(key, app);
    return app;
  }

  describe.each(Object.entries(forms))('%s', (_name, form) => {
    test('files are delivered and fetched', async ({ skip }) => {
      const { dir, failure } = await install(form);
      const reason = explainUnreachableRegistry(failure);
      skip(reason !== undefined, reason);
      expect(failure).toBeUndefined();
      await runSite(form, dir);
    }, 240_000);
  });
}

interface InstalledApp {
  readonly dir: TestDir;
  readonly failure: string | undefined;
}

async function installApp({ manifest, manager }: Form, tarball: string): Promise<InstalledApp> {
  const dir = await copyApp(manifest, tarball);
  await cp(join(here, 'locks', manifest, manager.lockfile), join(dir.path, manager.lockfile));
  const failure = await manager.install(dir).then(() => undefined, String);
  return { dir, failure };
}

async function runSite(form: Form, app: TestDir): Promise<void> {
  const { manager, folder = '.', build, bundle, site = 'site.cjs' } = form;
  const [target, pair] = await Promise.all([makeTestDir(), Pair.open()]);
  try {
    if (build) await manager.run(app, build, { folder, env: { NEXT_TELEMETRY_DISABLED: '1' } });
    const deployed = join(target.path, 'deployed');
    if (bundle !== undefined) await cp(join(app.path, bundle), deployed, { recursive: true });
    await pair.expectSync({
      command: (words, env) => manager.run(app, ['syncmedia', ...words], { folder, env }),
      site: (words, env) =>
        bundle === undefined
          ? manager.run(app, ['node', site, ...words], { folder, env })
          : execute(deployed, 'node', [site, ...words], env),
    });
  } finally {
    await Promise.all([target.remove(), pair.close()]);
  }
}
