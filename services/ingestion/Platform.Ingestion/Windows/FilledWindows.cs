using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Windows;

/// <summary>Increments of one or several seconds, ready to be sent.</summary>
/// <param name="View">The objects that were current while it was counted.</param>
/// <param name="FirstSecond">Unix second of row position 0.</param>
/// <param name="FirstArrivalMs">When its oldest datagram came (Unix milliseconds).</param>
/// <param name="Tellers">Of each object of the view who told of it.</param>
/// <param name="Exporters">By the numbers in <paramref name="Tellers"/>.</param>
internal sealed record FilledWindows(
    ProtectedView View,
    long FirstSecond,
    long FirstArrivalMs,
    WindowRows<uint> V4,
    WindowRows<HostAddress> V6,
    TrafficMixes Mixes,
    Tellers[] Tellers,
    Guid[] Exporters)
{
    public int Count => V4.Count + V6.Count;

    public void Release()
    {
        V4.Release();
        V6.Release();
        Mixes.Release();
    }
}

/// <summary>What was counted, and what could not be.</summary>
internal struct WindowTotals
{
    /// <summary>Flows to or from a protected host.</summary>
    public long Matched;

    /// <summary>Flows between others.</summary>
    public long Unmatched;

    /// <summary>Bytes and packets (scaled) that lie before the reach of the open windows.</summary>
    public ulong LateBytes;
    public ulong LatePackets;

    /// <summary>Flows that ended before the reach.</summary>
    public long LateFlows;

    /// <summary>Flows that found the table full.</summary>
    public long Overflowed;

    /// <summary>Flows whose object or host was not sketched because there are <see cref="TrafficMixes.Most"/> sketches already.</summary>
    public long Unsketched;

    /// <summary>Rows of windows that nobody took in time, and so were dropped.</summary>
    public long DroppedRows;
}
