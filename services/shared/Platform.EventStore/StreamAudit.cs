using System.Data;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace Platform.EventStore;

/// <summary>Proves that streams are as they were written: the hash chain inside each, and anchors of chain heads per tenant and day.</summary>
public sealed class StreamAudit(StreamStore store)
{
    /// <summary>
    /// Anchors the head of every stream that changed on a day, or on the day before and too late for that day's anchor. An anchor is never
    /// overwritten.
    /// </summary>
    /// <param name="midnight">Beginning of the day, in the calendar that names it, for example midnight in Tokyo.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>One digest per tenant over all its anchors of the day: note it where the database cannot reach, such as the log.</returns>
    public async Task<IReadOnlyDictionary<TenantId, string>> Anchor(DateTimeOffset midnight, CancellationToken cancellationToken)
    {
        var day = DateOnly.FromDateTime(midnight.DateTime);
        var (since, until) = (midnight.ToUniversalTime(), midnight.AddDays(1).ToUniversalTime());
        await using var connection = await store.Database.OpenConnectionAsync(cancellationToken);
        await connection.Execute(
            """
            insert into platform.anchors (tenant_id, day, stream_id, version, hash)
            select s.tenant_id, $1, s.id, head.version, encode(platform.link_through(s.tenant_id, s.id, head.version), 'hex')
              from events.mt_streams s
             cross join lateral (
                select max(e.version) as version from events.mt_events e
                 where e.tenant_id = s.tenant_id and e.stream_id = s.id and e.timestamp < $3) head
             where s.timestamp >= $2::timestamptz - interval '1 day' and s.id <> 'mt_tombstone'
               and head.version > coalesce(
                    (select max(a.version) from platform.anchors a where a.tenant_id = s.tenant_id and a.stream_id = s.id), 0)
            on conflict do nothing
            """,
            cancellationToken, day, since, until);

        var digests = await Digests("day = $1", day, connection, cancellationToken);
        return digests.ToDictionary(digest => digest.Tenant, digest => digest.Digest);
    }

    /// <summary>
    /// The digest of each day that has anchors, computed anew, oldest first: compare with what <see cref="Anchor"/> gave when the day was over.
    /// </summary>
    public async Task<IReadOnlyList<(DateOnly Day, string Digest)>> Digests(TenantId tenant, CancellationToken cancellationToken)
    {
        await using var connection = await store.Database.OpenConnectionAsync(cancellationToken);
        var digests = await Digests("tenant_id = $1", tenant.Value, connection, cancellationToken);
        return digests.ConvertAll(digest => (digest.Day, digest.Digest));
    }

    /// <summary>Walks every chain of a tenant, computing each link anew, and compares with the anchors.</summary>
    public async Task<AuditReport> Verify(TenantId tenant, CancellationToken cancellationToken)
    {
        await using var connection = await store.Database.OpenConnectionAsync(cancellationToken);
        // One view of everything, or an erasure between two questions would look like a theft.
        await using var moment = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        var anchors = await Anchors(connection, tenant, cancellationToken);
        await using var command = connection.Command(
            """
            select s.id, s.says, e.version, e.id, e.type, e.headers ->> 'hash', e.data::text,
                   platform.meta(e.tenant_id, e.stream_id, e.timestamp, e.correlation_id, e.causation_id, e.headers), e.seq_id,
                   case when e.headers ->> 'hash' is not null then e.bdata is not null
                        else exists (
                            select from platform.inbox i
                             where i.tenant_id = e.tenant_id and i.stream_id = e.stream_id
                               and (i.version = e.version or i.cause_id = e.causation_id and i.version >= e.version)) end,
                   s.wrote
              from (select id, max(says) as says, max(wrote) as wrote
                      from (select id, coalesce(version, 0) as says, 0 as wrote from events.mt_streams where tenant_id = $1
                            union all
                            select stream_id, 0, version from platform.inbox where tenant_id = $1) witnesses
                     group by id) s
              left join events.mt_events e on e.tenant_id = $1 and e.stream_id = s.id
             where s.id <> 'mt_tombstone' order by s.id collate "C", e.version
            """,
            tenant.Value);
        command.CommandTimeout = 0;
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        var report = new AuditReport();
        Chain? chain = null;
        while (await rows.ReadAsync(cancellationToken))
        {
            if (chain?.Stream != rows.GetString(0))
            {
                chain?.End(report);
                chain = new Chain(rows.GetString(0), rows.GetInt64(1), rows.GetInt64(10), anchors);
            }

            if (!await rows.IsDBNullAsync(2, cancellationToken))
            {
                chain.Next(
                    report,
                    rows.GetInt64(2),
                    $"{rows.GetInt64(2)} {rows.GetGuid(3)} {rows.GetString(4)} {rows.GetString(7)} {rows.GetString(6)}",
                    rows.IsDBNull(5) ? null : rows.GetString(5),
                    rows.GetInt64(8),
                    isSpoiled: rows.GetBoolean(9));
            }
        }

        chain?.End(report);
        foreach (var ((stream, version), _) in anchors.OrderBy(anchor => anchor.Key))
        {
            report.Add(new(stream, version, AuditFault.Removed));
        }

        return report;
    }

    /// <summary>Verifies one tenant after another, all that have or had a stream.</summary>
    public async IAsyncEnumerable<(TenantId Tenant, AuditReport Report)> VerifyAll(
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var tenants = new List<TenantId>();
        await using (var command = store.Database.Command(
            """
            select tenant_id from events.mt_streams where id <> 'mt_tombstone'
            union select tenant_id from platform.anchors union select tenant_id from platform.inbox order by 1
            """))
        {
            await using var rows = await command.ExecuteReaderAsync(cancellationToken);
            while (await rows.ReadAsync(cancellationToken))
            {
                tenants.Add(TenantId.Stored(rows.GetString(0)));
            }
        }

        foreach (var tenant in tenants)
        {
            yield return (tenant, await Verify(tenant, cancellationToken));
        }
    }

    private static async Task<Dictionary<(string Stream, long Version), string>> Anchors(
        NpgsqlConnection connection, TenantId tenant, CancellationToken cancellationToken)
    {
        await using var command = connection.Command(
            """
            select distinct stream_id, version, hash from platform.anchors a where tenant_id = $1
               and not exists (select from platform.erased_streams x where x.tenant_id = a.tenant_id and x.stream_id = a.stream_id)
            """,
            tenant.Value);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        var anchors = new Dictionary<(string, long), string>();
        while (await rows.ReadAsync(cancellationToken))
        {
            anchors[(rows.GetString(0), rows.GetInt64(1))] = rows.GetString(2);
        }

        return anchors;
    }

    private static async Task<List<(TenantId Tenant, DateOnly Day, string Digest)>> Digests(
        string which, object value, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = connection.Command(
            $"""
            select tenant_id, day, encode(sha256(convert_to(
                       string_agg(stream_id || ' ' || version || ' ' || hash, e'\n' order by stream_id collate "C"), 'UTF8')), 'hex')
              from platform.anchors where {which} group by tenant_id, day order by day
            """,
            value);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        var digests = new List<(TenantId, DateOnly, string)>();
        while (await rows.ReadAsync(cancellationToken))
        {
            digests.Add((TenantId.Stored(rows.GetString(0)), rows.GetFieldValue<DateOnly>(1), rows.GetString(2)));
        }

        return digests;
    }

    /// <summary>One stream on the way from its first event to its last. Anchors that were met are taken out; what is left was cut off.</summary>
    /// <param name="stream">Stream id inside the tenant.</param>
    /// <param name="says">The last version, as the stream says; 0 when it is gone.</param>
    /// <param name="wrote">The last version of ours, as our inbox says.</param>
    /// <param name="anchors">Those of the tenant.</param>
    private sealed class Chain(string stream, long says, long wrote, Dictionary<(string Stream, long Version), string> anchors)
    {
        private const int NamedAtMost = 1_000; // of one gap: a forged version must not make an endless report

        private byte[] _link = [];
        private bool _linkIsKnown = true;
        private long _last;
        private long _highestSequence;

        public string Stream => stream;

        public void Next(AuditReport report, long version, string content, string? hash, long sequence, bool isSpoiled)
        {
            Missing(report, version - 1);
            var computed = SHA256.HashData([.. _link, .. Encoding.UTF8.GetBytes(content)]);
            report.Count(hash is null && !isSpoiled ? new(stream, version, AuditFault.None) : null);
            if (hash is null)
            {
                // A foreign writer's, unless our inbox knows it. Its content still counts in the links of ours that follow.
                _link = computed;
                if (isSpoiled)
                {
                    report.Add(new(stream, version, AuditFault.Changed));
                }
            }
            else
            {
                // Ours take their number while they hold the stream, so it is higher than any before it; and they have no binary body.
                if ((_linkIsKnown && hash != Convert.ToHexStringLower(computed)) || sequence < _highestSequence || isSpoiled)
                {
                    report.Add(new(stream, version, AuditFault.Changed));
                }
                else if (!_linkIsKnown)
                {
                    report.Add(new(stream, version, AuditFault.Unproven));
                }

                // Going on from what the event says it was names each changed event, not all that follow it.
                (_link, _linkIsKnown) = hash.Length == 64 && hash.All(char.IsAsciiHexDigitLower) ? (Convert.FromHexString(hash), true) : (computed, _linkIsKnown);
            }

            if (anchors.Remove((stream, version), out var anchor) && _linkIsKnown && anchor != Convert.ToHexStringLower(_link))
            {
                report.Add(new(stream, version, AuditFault.Rewritten));
            }

            (_last, _highestSequence) = (version, Math.Max(sequence, _highestSequence));
        }

        public void End(AuditReport report)
        {
            Missing(report, Math.Max(says, wrote));
            if (_last > says)
            {
                report.Add(new(stream, says + 1, AuditFault.Changed)); // the stream says that it ends before
            }
        }

        private void Missing(AuditReport report, long until)
        {
            for (var missing = _last + 1; missing <= Math.Min(until, _last + NamedAtMost); missing++)
            {
                report.Add(new(stream, missing, AuditFault.Removed));
                anchors.Remove((stream, missing));
                _linkIsKnown = false;
            }
        }
    }
}

/// <summary>What is wrong with an event.</summary>
public enum AuditFault
{
    /// <summary>Nothing: the event was written by someone who keeps no chain, such as Marten.</summary>
    None,

    /// <summary>Its content, its place or what came before it is not what was written; also where one was inserted or moved.</summary>
    Changed,

    /// <summary>It was there and is gone.</summary>
    Removed,

    /// <summary>What came before it is gone, so nothing can show whether its content is what was written.</summary>
    Unproven,

    /// <summary>The chain fits in itself but not to an anchor: it was written anew from here or from before.</summary>
    Rewritten,
}

/// <summary>One event that the audit names.</summary>
/// <param name="Stream">Stream id inside the tenant.</param>
/// <param name="Version">Position in the stream.</param>
/// <param name="Fault">What is wrong.</param>
public sealed record AuditFinding(string Stream, long Version, AuditFault Fault)
{
    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Stream} version {Version}: {Fault}");
}

/// <summary>What a verification found.</summary>
public sealed class AuditReport
{
    private readonly List<AuditFinding> _findings = [];
    private readonly List<AuditFinding> _foreign = [];

    /// <summary>Events that were looked at.</summary>
    public long Events { get; private set; }

    /// <summary>Everything that is not as it was written; empty is good.</summary>
    public IReadOnlyList<AuditFinding> Findings => _findings;

    /// <summary>Events of writers that keep no chain. Covered by the next event of ours in their stream.</summary>
    public IReadOnlyList<AuditFinding> Foreign => _foreign;

    internal void Add(AuditFinding finding) => _findings.Add(finding);

    internal void Count(AuditFinding? foreign)
    {
        Events++;
        if (foreign is not null)
        {
            _foreign.Add(foreign);
        }
    }
}
