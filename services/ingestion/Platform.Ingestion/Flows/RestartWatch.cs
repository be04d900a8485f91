namespace Platform.Ingestion.Flows;

/// <summary>
/// Finds out from the headers of one domain that its exporter started anew, before anything of the datagram is read: the uptime of NetFlow v9, or the sequence number of
/// IPFIX, falls while the time of export goes on (or falls far, to where a clock begins that nobody has set yet).
/// </summary>
internal struct RestartWatch
{
    // How late one datagram may come after another, in uptime and in seconds of export; several processes of one device do not agree to the second.
    private const uint LateMs = 5000;
    private const long NextMs = 2000;
    private const long UnsetMs = 60_000;

    // Two restarts within this time are two streams under one name: what falls and rises there says nothing.
    private const long BetweenMs = 300_000;

    private long _exportedMs;
    private long _restartedMs;
    private uint _mark;
    private bool _isKnown;
    private bool _isNoGuide;

    /// <summary>Notes a datagram.</summary>
    /// <returns>Its exporter started anew since the last one.</returns>
    public bool Note(in MessageHeader header)
    {
        var mark = header.Format == FlowProtocol.NetFlow9 ? header.UptimeMs : header.Sequence;
        var elapsedMs = header.ExportedMs - _exportedMs;
        var hasFallen = _isKnown && !_isNoGuide && mark < _mark && (header.Format == FlowProtocol.NetFlow9
            ? elapsedMs is >= 0 or < -UnsetMs && _mark - mark > LateMs && mark - _mark > Math.Max(0, elapsedMs) + UnsetMs // else it wrapped
            : elapsedMs is >= NextMs or < -UnsetMs && _mark - mark < int.MaxValue);
        (_exportedMs, _mark, _isKnown) = (header.ExportedMs, mark, true);
        if (!hasFallen)
        {
            return false;
        }

        _isNoGuide = _restartedMs != 0 && header.ReceivedMs - _restartedMs < BetweenMs;
        _restartedMs = header.ReceivedMs;
        return !_isNoGuide;
    }
}
