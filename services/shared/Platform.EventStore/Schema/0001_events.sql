-- Marten's own tables, exactly: whoever has Marten reads them and appends on. Nothing of ours is added to them.
create schema if not exists events;

create table events.mt_streams (
    tenant_id   varchar     not null default '*DEFAULT*',
    id          varchar     not null,
    type        varchar,
    version     bigint,
    timestamp   timestamptz not null default now(),
    created     timestamptz not null default now(),
    is_archived boolean     default false,
    constraint pkey_mt_streams_tenant_id_id primary key (tenant_id, id)
);

create sequence events.mt_events_sequence;

create table events.mt_events (
    seq_id         bigint       not null,
    id             uuid         not null,
    stream_id      varchar,
    version        bigint       not null,
    data           jsonb        not null,
    bdata          bytea,
    type           varchar(500) not null,
    timestamp      timestamptz  not null,
    tenant_id      varchar      default '*DEFAULT*',
    mt_dotnet_type varchar,
    correlation_id varchar,
    causation_id   varchar,
    headers        jsonb,
    is_archived    boolean      default false,
    constraint pkey_mt_events_seq_id primary key (seq_id),
    constraint fkey_mt_events_tenant_id_stream_id foreign key (tenant_id, stream_id) references events.mt_streams (tenant_id, id)
);

alter sequence events.mt_events_sequence owned by events.mt_events.seq_id;

create unique index pk_mt_events_stream_and_version on events.mt_events (tenant_id, stream_id, version);

create table events.mt_event_progression (
    name         varchar primary key,
    last_seq_id  bigint,
    last_updated timestamptz default transaction_timestamp()
);
