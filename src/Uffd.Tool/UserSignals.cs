using System.Runtime.InteropServices;

namespace Uffd.Tool;

/// <summary>Signals without a name in <see cref="PosixSignal"/>, which takes raw numbers too.</summary>
internal static class UserSignals
{
    private const PosixSignal User1 = (PosixSignal)10; // SIGUSR1 on x86-64 and arm64

    /// <summary>Does something at each SIGUSR1, whose default is to end the process.</summary>
    /// <param name="act">Called on a thread of the pool; must not throw.</param>
    public static PosixSignalRegistration OnUser1(Action act) => PosixSignalRegistration.Create(User1, context =>
    {
        context.Cancel = true;
        act();
    });
}
