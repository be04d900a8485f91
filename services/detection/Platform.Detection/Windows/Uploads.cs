namespace Platform.Detection.Windows;

/// <summary>Long TCP packets that a target sends beyond what it sent in the last minutes, since a surge towards it began or a moment before.</summary>
internal sealed class Uploads
{
    private const double Memory = 300; // seconds over which what was before fades
    private const double Moment = 3; // seconds
    private const int LongestMemory = 60; // seconds, as of the surge
    private long _second = long.MinValue;
    private double _now;
    private double _recent;
    private double _sent;
    private double _seconds;

    /// <summary>Packets beyond the usual ones.</summary>
    public double Packets => Math.Max(0, _sent + _now - (_recent * (_seconds + 1)));

    /// <param name="isSurge">There is a surge: what was sent since it began counts.</param>
    public void Add(long second, double packets, bool isSurge)
    {
        if (second > _second)
        {
            Close(_second == long.MinValue ? 1 : second - _second, isSurge);
            _second = second;
        }

        _now += packets; // of a second before it too: it comes a little late
    }

    private void Close(long seconds, bool isSurge)
    {
        (_sent, _seconds) = (_sent + _now, _seconds + seconds);
        if (_seconds > (isSurge ? LongestMemory : Moment))
        {
            var kept = isSurge ? 0.5 : Moment / _seconds;
            (_sent, _seconds) = (_sent * kept, _seconds * kept);
        }

        var share = isSurge ? 1 / Memory : Math.Min(Memory, seconds) / Memory;
        _recent += ((_now / seconds) - _recent) * share;
        _now = 0;
    }
}
