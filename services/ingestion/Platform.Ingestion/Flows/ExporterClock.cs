using System.Runtime.CompilerServices;

namespace Platform.Ingestion.Flows;

/// <summary>Turns the instants of records into Unix milliseconds on the exporter's clock.</summary>
internal readonly struct ExporterClock
{
    /// <summary>A flow that ended longer before its export than this did not: its uptime, or the start of the exporter, is wrong.</summary>
    private const long OldestMs = 86_400_000;
    private const long NtpToUnixSeconds = 2_208_988_800; // 1900 to 1970

    private readonly long _exportedMs;
    private readonly uint _uptimeMs;
    private readonly bool _knowsUptime;

    /// <param name="systemStartMs">IPFIX, whose header has no uptime: when the exporter started; 0 when nobody said.</param>
    public ExporterClock(in MessageHeader header, long systemStartMs)
    {
        _exportedMs = header.ExportedMs;
        _knowsUptime = header.Format != FlowProtocol.Ipfix || systemStartMs != 0;
        _uptimeMs = header.Format == FlowProtocol.Ipfix ? (uint)(header.ExportedMs - systemStartMs) : header.UptimeMs;
    }

    /// <summary>Fills in start and end of a flow. The start is 0 when nothing was said of it; the end is the time of export then.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Set(ref FlowRecord flow, FlowTemplate template, ulong start, ulong end)
    {
        flow.EndMs = ToUnixMs(template.EndUnit, end);
        flow.StartMs = ToUnixMs(template.StartUnit, start);
        if (_exportedMs - flow.EndMs > OldestMs)
        {
            SetRarely(ref flow, template, start, end);
        }
    }

    // No end; or an uptime that cannot be, or whose origin nobody told: then only the distance between the two is believed.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void SetRarely(ref FlowRecord flow, FlowTemplate template, ulong start, ulong end)
    {
        if (template.EndUnit == TimeUnit.UptimeMilliseconds)
        {
            long durationMs = template.StartUnit == TimeUnit.UptimeMilliseconds ? (uint)(end - start) : 0;
            flow.EndMs = _exportedMs;
            flow.StartMs = durationMs is > 0 and <= OldestMs ? _exportedMs - durationMs : 0;
        }
        else if (flow.EndMs == 0)
        {
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
        _ => ((long)(value >> 32) - NtpToUnixSeconds) * 1000 + (long)((value & 0xFFFF_FFFF) * 1000 >> 32),
    };
}
