namespace Platform.Detection.Windows;

/// <summary>Long TCP packets that a target sends beyond what it sent in the last minutes, since a surge towards it began or a moment before.</summary>
internal sealed class Uploads
{
    private const double Memory = 3_600; // seconds over which what was before fades: longer than uploads last
    private const double Moment = 3; // seconds
    private const int LongestMemory = 60; // seconds, as of the surge
    private long _second = long.MinValue;
    private double _now;
    private double _recent;
    private double _sent;
    private double _seconds;

    /// <summary>Packets beyond the usual ones.</summary>
    /// <param name="seconds">In so many seconds of a surge that is remembered for as long.</param>
    public double Packets(int seconds) =>
        Math.Max(0, _sent + _now - (_recent * (_seconds + 1))) * (_seconds < LongestMemory ? 1 : Math.Min(1, seconds / _seconds));

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
        var kept = Math.Min(1, (isSurge ? LongestMemory : Moment) / _seconds);
        (_sent, _seconds) = (_sent * kept, _seconds * kept);

        if (!isSurge) // what belongs to a surge is not what was before it
        {
            _recent += ((_now / seconds) - _recent) * Math.Min(Moment, seconds) / Memory;
        }

        _now = 0;
    }
}
