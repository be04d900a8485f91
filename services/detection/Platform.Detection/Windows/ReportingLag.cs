namespace Platform.Detection.Windows;

/// <summary>
/// How far behind the newest second an object's traffic comes: nothing where routers send each sample at once, the flow timeout where they keep flows. Fades
/// over a minute or two, so that it follows a router whose timeout was changed.
/// </summary>
/// <param name="most">Seconds; what comes later is not waited for.</param>
internal sealed class ReportingLag(int most)
{
    private const double NearlyAll = 0.97;
    private const double Fading = 0.99; // of each second
    private readonly double[] _packets = new double[most + 1];
    private long _newest = long.MinValue;

    /// <summary>So many seconds behind the newest one nearly everything has come.</summary>
    public int Seconds { get; private set; }

    public void Observe(long second, long packets)
    {
        if (second > _newest)
        {
            _newest = second;
            Fade();
        }

        _packets[Math.Min(most, _newest - second)] += packets;
    }

    private void Fade()
    {
        var left = _packets.Sum() * NearlyAll;
        Seconds = 0;
        for (var lag = 0; lag <= most; lag++)
        {
            left -= _packets[lag];
            Seconds = left > 0 ? Math.Min(most, lag + 1) : Seconds;
            _packets[lag] *= Fading;
        }
    }
}
