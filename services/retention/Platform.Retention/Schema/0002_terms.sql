create schema if not exists terms;

-- What happens to each class of data after the end of a contract, per service. A term counts whole months of the calendar of Japan after
-- the month of termination: 2 is "the end of the second month after the month of termination".
create table terms.retention_terms (
    service                  text    not null,
    data_class               text    not null,
    action                   text    not null check (action in ('erase', 'keep')),
    months_after_termination integer,
    primary key (service, data_class),
    check ((action = 'erase') = (months_after_termination is not null)),
    check (months_after_termination between 0 and 120)
);

insert into terms.retention_terms (service, data_class, action, months_after_termination) values
    ('ddos', 'incident', 'erase', 2),
    ('ddos', 'customer', 'erase', 2),
    ('ddos', 'residual-detection', 'keep', null),
    ('ddos', 'residual-configuration', 'keep', null);
