import type { ComponentChildren, JSX } from 'preact';
import { errorCatalogue, refusalCatalogue } from '../../model/error-catalogue.js';
import { ApiError } from '../read-answer.js';
import { texts } from '../texts.js';
import { Icon, type IconName } from './icon.js';
import { Text } from './names.js';

export function Notice({
  icon = 'behind',
  children,
  actions,
}: {
  icon?: IconName;
  children: ComponentChildren;
  actions?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="notice">
      <Icon name={icon} />
      <div>{children}</div>
      {actions !== undefined && <div class="acts">{actions}</div>}
    </div>
  );
}

/** The sentence, the remedy and the code of a failed request. The page stays as it was. */
export function ErrorNotice({ error, retry }: { error: unknown; retry?: () => void }): JSX.Element {
  const isApi = error instanceof ApiError;
  const code = isApi ? error.code : undefined;
  const remedy = isApi ? (error.remedy ?? remedyOf(code)) : undefined;
  return (
    <div role="alert">
      <Notice
        actions={
          retry && (
            <button type="button" onClick={retry}>
              {texts.tryAgain}
            </button>
          )
        }
      >
        <p>
          <Text text={error instanceof Error ? error.message : String(error)} />
        </p>
        {remedy !== undefined && (
          <p class="remedy">
            <Text text={remedy} />
          </p>
        )}
        {code !== undefined && (
          <p class="quiet">
            <code>{code}</code>
          </p>
        )}
      </Notice>
    </div>
  );
}

/** What to do about an error code, as the catalogue says it. */
export function remedyOf(code: string | undefined): string | undefined {
  if (code === undefined) return undefined;
  const catalogue: Readonly<Record<string, { remedy: string } | undefined>> = {
    ...errorCatalogue,
    ...refusalCatalogue,
  };
  return catalogue[code]?.remedy;
}
