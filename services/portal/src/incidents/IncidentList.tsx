import type { Incident } from '../api';
import { japanTime, rate } from '../format';
import { useSpeech } from '../words';
import type { Names } from './IncidentsPage';
import { Elapsed, MarkedFalse, Status, hostOf, vectorNames } from './parts';

export function IncidentList({ incidents, selected, names }: { incidents: Incident[]; selected: string | null; names: Names }) {
  const { language, words } = useSpeech();
  return (
    <ol>
      {incidents.map((incident) => (
        <li key={incident.incidentId}>
          <a
            href={`#/incidents/${incident.incidentId}`}
            aria-current={incident.incidentId === selected ? 'true' : undefined}
            data-status={incident.status}
          >
            <span className="row-main">
              <Status incident={incident} />
              <MarkedFalse incident={incident} />
              <strong className="address">{hostOf(incident.target)}</strong>
              {incident.prefixCount ? <span className="row-spread">{words.spreadOver(incident.prefixCount)}</span> : null}
              <span className="row-vectors">{vectorNames(incident.vectors, words)}</span>
            </span>
            <span className="row-numbers">
              <span>{rate(incident.peakBitsPerSecond, 'bit/s')}</span>
              <span>{rate(incident.peakPacketsPerSecond, 'packets/s')}</span>
            </span>
            <span className="row-foot">
              <time dateTime={incident.detectedAt}>{japanTime(incident.detectedAt, language)}</time>
              <Elapsed incident={incident} />
              <span className="whose">
                {names.tenant(incident.tenantId) ?? names.label(incident.serviceCode) ?? ''} <code>{incident.serviceCode}</code>
              </span>
            </span>
          </a>
        </li>
      ))}
    </ol>
  );
}
