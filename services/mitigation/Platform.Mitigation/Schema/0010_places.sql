-- Where things stand now, place by place: speakers that do not answer, routes that they have lost, filters that agents hold and what those counted.
-- State of machines, not projections: what matters of it becomes events.
create table views.speakers_v1 (
    name       text        primary key,
    away_since timestamptz -- null: it answers
);

create table views.missing_v1 (
    place             text not null,
    countermeasure_id uuid not null, -- was read back there once, and is not there now
    primary key (place, countermeasure_id)
);

create table views.filtered_v1 (
    countermeasure_id uuid        not null,
    agent             text        not null,
    dropped_packets   bigint      not null,
    dropped_bytes     bigint      not null,
    passed_packets    bigint      not null,
    passed_bytes      bigint      not null,
    told_at           timestamptz not null,
    held              boolean     not null, -- whether the agent named it when it spoke last
    primary key (countermeasure_id, agent)
);

alter table views.countermeasures_v1
    add column requested_at timestamptz, -- null: of a release before this column
    add column dropped_for  smallint;    -- why it alone goes
drop index if exists views.countermeasures_v1_to_measure;
create index countermeasures_v1_to_measure on views.countermeasures_v1 (withdrawn_at) where in_network and not measured;
