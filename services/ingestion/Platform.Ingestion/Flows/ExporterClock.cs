using System.Runtime.CompilerServices;

namespace Platform.Ingestion.Flows;

/// <summary>Turns the instants of records into Unix milliseconds on the exporter's clock.</summary>
internal readonly struct ExporterClock
{
    /// <summary>A flow that ended longer before its export than this, or after it, did not: its uptime is wrong, or the start of the exporter.</summary>
    private const long OldestMs = 86_400_000;

    /// <summary>
    /// The same where options data told the start of the exporter, and may have done so before the last restart. No timeout after which exporters tell of a
    /// flow that ended is longer than ten minutes.
    /// </summary>
    private const long OldestOfToldStartMs = 1_800_000;
    private const long NtpToUnixSeconds = 2_208_988_800; // 1900 to 1970

    private readonly long _exportedMs;
    private readonly uint _uptimeMs;
    private readonly bool _knowsUptime;
    private readonly long _oldestMs;

    private ExporterClock(in MessageHeader header, long systemStartMs, long oldestMs)
    {
        _oldestMs = oldestMs;
        _exportedMs = header.ExportedMs;
        _knowsUptime = header.Format != FlowProtocol.Ipfix || systemStartMs != 0;
        _uptimeMs = header.Format == FlowProtocol.Ipfix ? (uint)(header.ExportedMs - systemStartMs) : header.UptimeMs;
    }

    /// <param name="toldStartMs">IPFIX, whose header has no uptime: when the exporter started, as options data said; 0 when nobody did.</param>
    public static ExporterClock Of(in MessageHeader header, long toldStartMs) =>
        new(in header, toldStartMs, header.Format == FlowProtocol.Ipfix ? OldestOfToldStartMs : OldestMs);

    /// <param name="systemStartMs">When the exporter started, as the record itself says.</param>
    public static ExporterClock OfRecord(in MessageHeader header, long systemStartMs) => new(in header, systemStartMs, OldestMs);

    /// <summary>Fills in start and end of a flow. The start is 0 when nothing was said of it; the end is the time of export then.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Set(ref FlowRecord flow, FlowTemplate template, ulong start, ulong end)
    {
        flow.EndMs = ToUnixMs(template.EndUnit, end);
        flow.StartMs = ToUnixMs(template.StartUnit, start);
        if (end == 0 || flow.EndMs == 0 || (ulong)(_exportedMs - flow.EndMs + _oldestMs) > (ulong)(2 * _oldestMs))
        {
            SetRarely(ref flow, template, start, end);
        }
    }

    // No end; or one that cannot be, or an uptime whose origin nobody told: then only the distance between the two is believed.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void SetRarely(ref FlowRecord flow, FlowTemplate template, ulong start, ulong end)
    {
        if (template.EndUnit == TimeUnit.UptimeMilliseconds)
        {
            flow.EndMs = _exportedMs;
            if (template.StartUnit == TimeUnit.UptimeMilliseconds)
            {
                flow.StartMs = _exportedMs - (int)(uint)(end - start);
            }

            flow.StartMs = flow.StartMs < flow.EndMs ? flow.StartMs : 0;
        }
        else if (flow.EndMs == 0)
        {
            flow.EndMs = _exportedMs;
        }
        else if ((ulong)(_exportedMs - flow.EndMs + OldestMs) > 2 * OldestMs)
        {
            flow.StartMs = flow.StartMs != 0 && flow.StartMs < flow.EndMs ? _exportedMs - (flow.EndMs - flow.StartMs) : 0;
            flow.EndMs = _exportedMs;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private long ToUnixMs(TimeUnit unit, ulong value) => unit switch
    {
        TimeUnit.None => 0,
        TimeUnit.Milliseconds => (long)value,
        // Wraps every 49.7 days, so the difference counts.
        TimeUnit.UptimeMilliseconds => _knowsUptime ? _exportedMs - (int)(_uptimeMs - (uint)value) : 0,
        _ => ToUnixMsRarely(unit, value),
    };

    [MethodImpl(MethodImplOptions.NoInlining)]
    private long ToUnixMsRarely(TimeUnit unit, ulong value) => unit switch
    {
        TimeUnit.Seconds => (long)Math.Min(value, uint.MaxValue) * 1000,
        TimeUnit.MicrosecondsBeforeExport => _exportedMs - (long)(value / 1000),
        _ => NtpToUnixMs(value),
    };

    // The seconds begin anew in February 2036 (RFC 4330 section 3); no flow is from before 1968.
    private static long NtpToUnixMs(ulong value) => value == 0 ? 0
        : ((long)(value >> 32) + (value >> 63 == 0 ? 1L << 32 : 0) - NtpToUnixSeconds) * 1000 + (long)((value & 0xFFFF_FFFF) * 1000 >> 32);
}
