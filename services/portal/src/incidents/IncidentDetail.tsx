import type { IncidentStep, IncidentWithTimeline } from '../api';
import { japanTime, japanTimeOfDay, rate } from '../format';
import { useSpeech, type Language } from '../words';
import type { Words } from '../words/en';
import type { Names } from './IncidentsPage';
import { Prefixes } from './Prefixes';
import { Elapsed, hostOf, MarkedFalse, Status, vectorNames } from './parts';

export function IncidentDetail({ content, names }: { content: IncidentWithTimeline; names: Names }) {
  const { language, words } = useSpeech();
  const { incident, timeline, prefixes = [] } = content;
  const label = names.label(incident.serviceCode);
  const tenant = names.tenant(incident.tenantId);
  return (
    <article>
      <a className="back" href="#/">
        ‹ {words.back}
      </a>
      <header>
        <h2 className="address">{hostOf(incident.target)}</h2>
        <Status incident={incident} />
        <MarkedFalse incident={incident} />
      </header>
      <dl className="facts">
        <Fact name={words.vectors}>{vectorNames(incident.vectors, words)}</Fact>
        <Fact name={words.peak}>
          {rate(incident.peakBitsPerSecond, 'bit/s')}
          <br />
          {rate(incident.peakPacketsPerSecond, 'packets/s')}
        </Fact>
        <Fact name={words.result}>{words.results[incident.mitigationResult] ?? incident.mitigationResult}</Fact>
        <Fact name={words.detected}>
          <time dateTime={incident.detectedAt}>{japanTime(incident.detectedAt, language)}</time>
        </Fact>
        <Fact name={words.ended}>
          {incident.endedAt ? <time dateTime={incident.endedAt}>{japanTime(incident.endedAt, language)}</time> : words.ongoing}
        </Fact>
        <Fact name={words.duration}>
          <Elapsed incident={incident} />
        </Fact>
        <Fact name={words.serviceCode}>
          <code>{incident.serviceCode}</code> {label}
        </Fact>
        {tenant !== null && <Fact name={words.tenant}>{tenant}</Fact>}
      </dl>
      <Prefixes prefixes={prefixes} incident={incident} />
      <h3>{words.timeline}</h3>
      <ol className="timeline">
        {timeline.map((step, index) => (
          <li key={`${step.at}-${step.step}-${index}`} data-step={step.step}>
            <time dateTime={step.at}>{japanTimeOfDay(step.at)}</time>
            <div>
              <strong>{words.steps[step.step] ?? step.step}</strong>
              <Details step={step} target={incident.target} />
            </div>
          </li>
        ))}
      </ol>
    </article>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Known to the system and of no use to a reader. */
const internal = (name: string) => name === 'revision' || name.endsWith('_id');

/** What is said in words is said in both languages: `not` and `not_ja`. */
const inLanguage = (details: IncidentStep['details'], language: Language) => Object.entries(details)
  .filter(([name]) => !name.endsWith('_ja'))
  .map(([name, value]): [string, string] => [name, (language === 'ja' && details[`${name}_ja`]) || value]);

function Details({ step, target }: { step: IncidentStep; target: string }) {
  const { language, words } = useSpeech();
  const details = inLanguage(step.details, language).filter(
    ([name, value]) => value !== '' && value !== target && !internal(name),
  );
  return details.length === 0 ? null : (
    <dl>
      {details.map(([name, value]) => (
        <div key={name}>
          <dt>{words.details[name] ?? name.replaceAll('_', ' ')}</dt>
          <dd>{readable(name, value, words)}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Names carry their unit, so the value can be shown for people. */
function readable(name: string, value: string, words: Words): string {
  if (name.endsWith('bits_per_second')) {
    return rate(Number(value), 'bit/s');
  }

  if (name.endsWith('packets_per_second')) {
    return rate(Number(value), 'packets/s');
  }

  if (name.endsWith('flows_per_second')) {
    return rate(Number(value), 'flows/s');
  }

  if (name.endsWith('_percent')) {
    return `${value} %`;
  }

  if (name === 'vectors') {
    return vectorNames(value.split(/[,\s]+/), words);
  }

  if (name === 'since' || name === 'until') {
    return japanTimeOfDay(value);
  }

  return words.results[value] ?? words.values[value] ?? value;
}
