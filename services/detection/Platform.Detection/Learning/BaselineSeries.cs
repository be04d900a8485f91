namespace Platform.Detection.Learning;

/// <summary>
/// What is usual for one rate: by hour of the week how much it carries and how high single seconds go, and how much it jumps from second to second.
/// Minutes are the unit of learning, because a minute can be left out; of an hour's minutes the highest few are left out as well, so that a burst of
/// minutes teaches nothing.
/// </summary>
internal sealed class BaselineSeries
{
    private const double LeastShareOfWeek = 0.3;
    private const double MostFall = 2.5;
    private const double MostRise = 2;
    private const double NoiseShare = 0.2;
    private const int FirstMinutes = 15; // they may be anything: nothing is known yet
    private const double MostOfMinute = 1.0116; // doubled in an hour
    private const int LeastSeconds = 5; // of a minute: it begins with traffic, so a few seconds say more than there was

    /// <summary>Busy minutes of that hour, per second; 0 when nothing was seen.</summary>
    public float[] Mean { get; } = new float[HoursOfWeek.Count];

    /// <summary>Highest seconds of busy minutes of that hour.</summary>
    public float[] Peak { get; } = new float[HoursOfWeek.Count];

    /// <summary>Weeks that were seen of that hour.</summary>
    public byte[] Weeks { get; } = new byte[HoursOfWeek.Count];

    /// <summary>Variance of a second over its mean, from second to second: for sampled traffic, what one sampled packet stands for.</summary>
    public double Noise { get; private set; }

    /// <summary>Minutes that were learned.</summary>
    public long Minutes { get; private set; }

    /// <summary>
    /// The busiest minute of the first hours, and its highest second. After a quarter of an hour no more than doubled each hour: what grows faster must not
    /// raise what it is held against.
    /// </summary>
    public (double Mean, double Peak) SoFar { get; private set; }

    private readonly double[] _means = new double[60];
    private readonly double[] _peaks = new double[60];
    private int _minutes;
    private long _seconds;
    private double _jumps;
    private double _jumpSum;
    private Minute _minute;
    private Minute _pending;
    private double _last;

    /// <param name="value">Rate of one second.</param>
    /// <param name="isNext">It follows the one before without a gap.</param>
    public void Observe(double value, bool isNext)
    {
        _minute.Count++;
        _minute.Sum += value;
        _minute.Highest = Math.Max(_minute.Highest, value);
        if (isNext)
        {
            _minute.Jumps += (value - _last) * (value - _last);
            _minute.JumpSum += value + _last;
        }

        _last = value;
    }

    /// <summary>A minute is over. The one before it is learned only now: an attack that was recognised late takes it along.</summary>
    public void EndMinute()
    {
        if (_pending.Count >= LeastSeconds && _minutes < _means.Length)
        {
            _means[_minutes] = _pending.Sum / _pending.Count;
            _peaks[_minutes++] = _pending.Highest;
            _seconds += _pending.Count;
            _jumps += _pending.Jumps;
            _jumpSum += _pending.JumpSum;
            Minutes++;
            if (Minutes < 24 * 60)
            {
                var most = Minutes <= FirstMinutes ? double.PositiveInfinity : MostOfMinute;
                SoFar = (Rise(SoFar.Mean, _means[_minutes - 1], most), Rise(SoFar.Peak, _pending.Highest, most));
                Noise = Noise == 0 && _jumpSum > 0 ? _jumps / _jumpSum : Noise;
            }
        }

        (_pending, _minute) = (_minute, default);
    }

    /// <summary>What was seen in the last minutes is not learned.</summary>
    public void Refuse() => (_pending, _minute) = (default, default);

    /// <summary>Everything that was learned, and the minutes of the hour under way; the last two of them are not in it.</summary>
    public void Write(BinaryWriter to)
    {
        to.Write(_minutes);
        to.Write(_seconds);
        to.Write(_jumps);
        to.Write(_jumpSum);
        for (var minute = 0; minute < _minutes; minute++)
        {
            to.Write(_means[minute]);
            to.Write(_peaks[minute]);
        }

        to.Write(Noise);
        to.Write(Minutes);
        to.Write(SoFar.Mean);
        to.Write(SoFar.Peak);
        for (var hour = 0; hour < HoursOfWeek.Count; hour++)
        {
            to.Write(Weeks[hour]);
            if (Weeks[hour] > 0)
            {
                to.Write(Mean[hour]);
                to.Write(Peak[hour]);
            }
        }
    }

    public static BaselineSeries Read(BinaryReader from, bool withHour)
    {
        var series = new BaselineSeries();
        if (withHour)
        {
            (series._minutes, series._seconds, series._jumps, series._jumpSum) = (from.ReadInt32(), from.ReadInt64(), from.ReadDouble(), from.ReadDouble());
            for (var minute = 0; minute < series._minutes; minute++)
            {
                (series._means[minute], series._peaks[minute]) = (from.ReadDouble(), from.ReadDouble());
            }
        }

        (series.Noise, series.Minutes, series.SoFar) = (from.ReadDouble(), from.ReadInt64(), (from.ReadDouble(), from.ReadDouble()));
        for (var hour = 0; hour < HoursOfWeek.Count; hour++)
        {
            series.Weeks[hour] = from.ReadByte();
            if (series.Weeks[hour] > 0)
            {
                series.Mean[hour] = from.ReadSingle();
                series.Peak[hour] = from.ReadSingle();
            }
        }

        return series;
    }

    /// <summary>An hour is over. Gives back how many times the usual it was, the trend left aside; null when there is nothing to compare.</summary>
    /// <param name="hour">Of the week.</param>
    /// <param name="leastMinutes">Fewer say nothing.</param>
    /// <param name="trend">What all hours have in common these days is no hour's own.</param>
    public double? EndHour(int hour, int leastMinutes, double trend)
    {
        if (_minutes < leastMinutes)
        {
            Forget();
            return null;
        }

        var noise = _jumpSum > 0 ? _jumps / _jumpSum : 0; // half the mean square of differences, over the mean
        var (mean, peak) = (BusyWithoutChance(noise), Busy(_peaks));
        double? change = Weeks[hour] > 0 && Mean[hour] > 0 && mean > 0 ? mean / Mean[hour] : null;
        Learn(Mean, hour, mean / trend);
        Learn(Peak, hour, peak / trend);
        Weeks[hour] = (byte)Math.Min(byte.MaxValue, Weeks[hour] + 1);
        if (_jumpSum > 0)
        {
            Noise = Noise == 0 ? noise : Noise + (NoiseShare * (noise - Noise));
        }

        Forget();
        return change;
    }

    /// <summary>All hours have so many times as much.</summary>
    public void Scale(double times)
    {
        for (var hour = 0; hour < HoursOfWeek.Count; hour++)
        {
            (Mean[hour], Peak[hour]) = ((float)(Mean[hour] * times), (float)(Peak[hour] * times));
        }
    }

    private static double Rise(double before, double seen, double most) => Math.Max(before, before > 0 ? Math.Min(seen, most * before) : seen);

    private void Forget()
    {
        (_minutes, _seconds) = (0, 0);
        (_jumps, _jumpSum) = (0, 0);
    }

    /// <summary>
    /// The busy minutes' rate without what chance adds: where a minute has few sampled packets, minutes differ by chance alone, and the highest of them
    /// say more about luck than about traffic.
    /// </summary>
    private double BusyWithoutChance(double noise)
    {
        var minutes = _means.AsSpan(0, _minutes);
        var (sum, squares) = (0.0, 0.0);
        foreach (var minute in minutes)
        {
            sum += minute;
            squares += minute * minute;
        }

        var mean = sum / _minutes;
        var variance = (squares / _minutes) - (mean * mean);
        var chance = noise * mean * _minutes / Math.Max(1, _seconds);
        var real = variance > 0 ? Math.Sqrt(Math.Max(0, 1 - (chance / variance))) : 1;
        return mean + ((Busy(_means) - mean) * real);
    }

    /// <summary>The highest of the minutes but one in sixteen.</summary>
    private double Busy(double[] minutes)
    {
        Array.Sort(minutes, 0, _minutes);
        return minutes[_minutes - 1 - (_minutes / 16)];
    }

    /// <summary>A week moves the value by its share, and an odd week only a little.</summary>
    private void Learn(float[] values, int hour, double seen)
    {
        var before = values[hour];
        if (Weeks[hour] == 0)
        {
            values[hour] = (float)seen;
            return;
        }

        var share = Math.Max(LeastShareOfWeek, 1.0 / (Weeks[hour] + 1));
        var bounded = before == 0 ? seen : Math.Clamp(seen, before / MostFall, before * MostRise);
        values[hour] = (float)(before + (share * (bounded - before)));
    }

    private struct Minute
    {
        public int Count;
        public double Sum;
        public double Highest;
        public double Jumps;
        public double JumpSum;
    }
}
