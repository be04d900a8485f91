-- The BGP sessions of each speaker. State of machines, not projections.
alter table views.speakers_v1 add column sessions jsonb not null default '[]';
