import type { JSX } from 'preact';
import { addressOf } from '../api.js';
import { usePage } from '../page-context.js';
import { Ask } from '../parts/ask.js';
import { texts } from '../texts.js';
import type { WireRun } from '../wire.js';

export function CancelRunDialog({ run }: { run: WireRun }): JSX.Element {
  const { api } = usePage();
  return (
    <Ask<WireRun>
      isGrave
      title={texts.cancelQuestion}
      load={async (signal) =>
        (await api.get<{ run: WireRun }>(addressOf('runs', run.id), {}, signal)).run
      }
      describe={({ files }) => (
        <ul>
          <li>{texts.cancelKeeps(files)}</li>
          <li>{texts.cancelThen}</li>
        </ul>
      )}
      confirm={() => texts.cancelRun}
      run={async () => {
        await api.send('POST', addressOf('runs', run.id, 'cancel'));
        return texts.cancelled;
      }}
    />
  );
}
